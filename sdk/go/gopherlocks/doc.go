// A real Kubernetes cluster on this machine without Docker, and local images for it.
package gopherlocks
