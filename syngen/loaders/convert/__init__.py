"""What a dataset becomes in other libraries: PyTorch, Hugging Face datasets, WebDataset."""
