"""A stand-in Azure Databricks workspace whose Git folders are real clones."""
