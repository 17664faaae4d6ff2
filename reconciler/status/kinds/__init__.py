"""One module per kind (or group of like kinds): from a Situation to Kubernetes-shaped objects."""
