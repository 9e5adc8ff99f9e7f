//! The layers of the workspace and the shape of a function. Layers that nothing checks rot.

mod layers;
mod shape;
