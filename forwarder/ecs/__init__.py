"""Events as documents of the Elastic Common Schema."""
