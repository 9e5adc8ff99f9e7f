//! local-lambda.
