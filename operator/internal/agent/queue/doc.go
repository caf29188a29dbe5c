// Package queue answers questions about the queue of an instance of Flux. Package demand
// says what the answer is.
//
// A Follower reads two streams of Flux, the journals of jobs and of resources, and asks
// Flux only after they have told of a change. It has one more question, once a second and
// only while jobs wait: whether their queues are stopped, of which no stream tells. It
// reads nothing before somebody asks, and stops some minutes after nobody does.
//
// When a stream ends, it begins anew with the past that Flux tells of. Until then it
// knows nothing, and says so: what was true before may not be so any more.
package queue
