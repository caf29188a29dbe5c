package podstandin

import (
	"bytes"
	"sync"
)

// Output is what processes write while a test reads it.
type Output struct {
	mu     sync.Mutex
	buffer bytes.Buffer
}

// Write is for the processes.
func (o *Output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.buffer.Write(p)
}

// String is all so far.
func (o *Output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.buffer.String()
}
