package workload

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"time"
)

// reconnectDelay bounds how often a follower tries to reach a lead that is not up.
const reconnectDelay = time.Second

// Options say which rank this process is.
type Options struct {
	// Rank is the rank of this pod; 0 is the lead.
	Rank int
	// Lead is the host name of the lead. Unused on the lead itself.
	Lead string
	// Port is the TCP port on which the lead serves and followers connect.
	Port int
	// Log receives what happens; it is never nil.
	Log *slog.Logger
}

// Run works as one rank until ctx ends, then returns nil. It returns an error
// when the lead cannot listen.
func Run(ctx context.Context, o Options) error {
	b := newBurner()
	go b.run(ctx)
	if o.Rank == 0 {
		return lead(ctx, o, b)
	}
	followForever(ctx, o, b)
	return nil
}

// lead serves the load and carries a share of it like every other rank.
func lead(ctx context.Context, o Options, b *burner) error {
	s := newSplitter()
	own := s.join()
	go func() {
		for {
			select {
			case millicores := <-own.shares:
				b.set(millicores)
				o.Log.Info("share changed", "millicores", millicores)
			case <-ctx.Done():
				return
			}
		}
	}()

	server := &http.Server{
		Addr:              fmt.Sprintf(":%d", o.Port),
		Handler:           s.handler(),
		ReadHeaderTimeout: 10 * time.Second,
		BaseContext:       func(net.Listener) context.Context { return ctx },
	}
	context.AfterFunc(ctx, func() { _ = server.Close() })
	if err := server.ListenAndServe(); !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("serving the load: %w", err)
	}
	return nil
}

func followForever(ctx context.Context, o Options, b *burner) {
	client, url := newLeadClient(), fmt.Sprintf("http://%s:%d/share", o.Lead, o.Port)
	for ctx.Err() == nil {
		err := follow(ctx, client, url, func(millicores int64) {
			b.set(millicores)
			o.Log.Info("share changed", "millicores", millicores)
		})
		b.set(0)
		if ctx.Err() != nil {
			return
		}
		o.Log.Info("no share from the lead, trying again", "lead", url, "error", err)
		select {
		case <-time.After(reconnectDelay):
		case <-ctx.Done():
		}
	}
}
