"""Cloud Storage, Pub/Sub, Firestore."""
