"""What preprocessing objects are made of: declared settings and their files, sound, and how classes are found."""
