-- How the audio of a phone is secured: off, allowed or required.
ALTER TABLE extension ADD COLUMN srtp TEXT NOT NULL DEFAULT 'allowed';
