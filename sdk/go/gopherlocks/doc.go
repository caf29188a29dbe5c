// Kubernetes clusters on this machine, without Docker or by kind, and local images for them.
package gopherlocks
