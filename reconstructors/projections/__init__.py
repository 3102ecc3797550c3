"""From ptychographic images to projections: optical density, background, registration, alignment."""
