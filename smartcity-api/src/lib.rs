//! smartcity-api
