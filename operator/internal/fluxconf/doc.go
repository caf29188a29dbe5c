// Package fluxconf makes what Flux's brokers are given: sets of ranks and lists of
// hosts in Flux's notation, the resource set R, the configuration in TOML, the
// CURVE certificate, and the credentials of the lead's endpoint. It is pure: the
// same input gives the same output, and randomness and time are handed in.
package fluxconf
