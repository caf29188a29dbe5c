// Package fluxconf makes what Flux's brokers are given: lists of hosts in Flux's
// notation, the resource set R, the configuration in TOML and the CURVE
// certificate. It is pure: the same input gives the same output, and
// randomness is handed in.
package fluxconf
