package fluxinstance

import (
	"context"
	"errors"
)

// Topics of queues.
const (
	topicQueueList   = "job-manager.queue-list"
	topicQueueStatus = "job-manager.queue-status"
	topicQueueStart  = "job-manager.queue-start"
)

// Queue is one of the instance's.
type Queue struct {
	// Name is empty of an instance that names no queues: it has one.
	Name string
	// Started tells whether its jobs may start. StopReason is why not, as far as Flux was
	// told.
	Started    bool
	StopReason string
}

// queueRequest names a queue; nil where it has no name.
type queueRequest struct {
	Name *string `json:"name,omitempty"`
}

func requestFor(name string) queueRequest {
	if name == "" {
		return queueRequest{}
	}
	return queueRequest{&name}
}

// queueStart starts or stops a queue, or all of them.
type queueStart struct {
	queueRequest
	Start  bool   `json:"start"`
	All    bool   `json:"all"`
	Reason string `json:"reason,omitempty"`
	// NoCheckpoint keeps the change out of the instance's state.
	NoCheckpoint bool `json:"nocheckpoint,omitempty"`
}

// Queues are all queues.
func (c *Client) Queues(ctx context.Context) ([]Queue, error) {
	var list struct {
		Queues []string `json:"queues"`
	}
	if err := c.request(ctx, topicQueueList, nil, &list); err != nil {
		return nil, err
	}
	if list.Queues == nil {
		return nil, missing(topicQueueList, "queues")
	}
	if len(list.Queues) == 0 {
		list.Queues = []string{""}
	}
	var queues []Queue
	for _, name := range list.Queues {
		var status struct {
			Start  *bool  `json:"start"`
			Reason string `json:"stop_reason"`
		}
		if err := c.request(ctx, topicQueueStatus, requestFor(name), &status); err != nil {
			return nil, err
		}
		if status.Start == nil {
			return nil, missing(topicQueueStatus, "start")
		}
		queues = append(queues, Queue{Name: name, Started: *status.Start, StopReason: status.Reason})
	}
	return queues, nil
}

// StopQueue lets no further job of a queue start. An instance that starts from this one's
// state knows nothing of it. An allocation that the scheduler has made just before counts:
// Allocated tells of it.
func (c *Client) StopQueue(ctx context.Context, name, reason string) error {
	return c.request(ctx, topicQueueStart, queueStart{queueRequest: requestFor(name), Reason: reason, NoCheckpoint: true}, nil)
}

// StartQueue lets the jobs of a queue start again.
func (c *Client) StartQueue(ctx context.Context, name string) error {
	return c.request(ctx, topicQueueStart, queueStart{queueRequest: requestFor(name), Start: true, NoCheckpoint: true}, nil)
}

// QueueControl is what queues are stopped and started by. See Client.
type QueueControl interface {
	Queues(ctx context.Context) ([]Queue, error)
	StopQueue(ctx context.Context, name, reason string) error
	StartQueue(ctx context.Context, name string) error
}

var _ QueueControl = (*Client)(nil)

// Hold stops the queues that are started, for a reason by which Resume knows them again.
func Hold(ctx context.Context, c QueueControl, reason string) error {
	queues, err := c.Queues(ctx)
	if err != nil {
		return err
	}
	for _, queue := range queues {
		if !queue.Started {
			continue
		}
		if err := c.StopQueue(ctx, queue.Name, reason); err != nil {
			return err
		}
	}
	return nil
}

// Resume starts the queues that Hold has stopped for the reason, and no others: one with
// another reason is somebody else's.
func Resume(ctx context.Context, c QueueControl, reason string) error {
	queues, err := c.Queues(ctx)
	if err != nil {
		return err
	}
	for _, queue := range queues {
		if !queue.Started && queue.StopReason == reason {
			err = errors.Join(err, c.StartQueue(ctx, queue.Name))
		}
	}
	return err
}

// StartQueues lets pending jobs start again, in all queues.
func (c *Client) StartQueues(ctx context.Context) error {
	return c.request(ctx, topicQueueStart, queueStart{Start: true, All: true}, nil)
}
