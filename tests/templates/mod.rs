//! What is deployed: that it loads, that a function starts with what it is given, and that
//! nobody may do more than is needed.

mod gate;
mod load;
mod privileges;
