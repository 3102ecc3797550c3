"""Registration: bring a result into the frame of a reference, and say what was removed.

- `images`: phase, scale, offset, shift, ramp, focus and twin; `volumes`: shift, and rotation between frames;
- `alignment`, `orientation` beneath them.
"""

from validation.registration.images import Registration, TwinContent, apply_registration, register, twin_content
from validation.registration.volumes import register_volume

__all__ = ["Registration", "TwinContent", "apply_registration", "register", "register_volume", "twin_content"]
