"""The small film studio behind the sample video: story, pictures, voice, music, film, truth."""
