"""Registration: bring a result into the frame of a reference, and say what was removed.

- `images`: phase, scale, offset, shift, ramp, focus and twin; `volumes`: shift, and rotation between frames;
- `gauge`: what was removed, and how it is applied; `refinement`, `alignment`, `orientation` beneath them.
"""

from validation.registration.gauge import Registration, apply_registration
from validation.registration.images import TwinContent, register, twin_content
from validation.registration.volumes import register_volume

__all__ = ["Registration", "TwinContent", "apply_registration", "register", "register_volume", "twin_content"]
