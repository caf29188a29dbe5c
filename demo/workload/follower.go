package workload

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"time"
)

// newLeadClient returns a client that notices within some 15 s when the lead
// vanishes without closing its connection. Silence alone does not show that: a
// share may stay the same for hours.
func newLeadClient() *http.Client {
	dialer := net.Dialer{
		Timeout: 5 * time.Second,
		KeepAliveConfig: net.KeepAliveConfig{
			Enable: true, Idle: 5 * time.Second, Interval: 5 * time.Second, Count: 2,
		},
	}
	return &http.Client{Transport: &http.Transport{DialContext: dialer.DialContext}}
}

// follow reads shares from the lead at url and hands them to set until the
// stream or ctx ends.
func follow(ctx context.Context, client *http.Client, url string, set func(millicores int64)) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, http.NoBody)
	if err != nil {
		return fmt.Errorf("asking the lead for a share: %w", err)
	}
	response, err := client.Do(request)
	if err != nil {
		return fmt.Errorf("asking the lead for a share: %w", err)
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("asking the lead for a share: %s answered %s", url, response.Status)
	}
	for lines := json.NewDecoder(response.Body); ; {
		var next share
		if err := lines.Decode(&next); err != nil {
			return fmt.Errorf("reading shares from the lead: %w", err)
		}
		set(next.Millicores)
	}
}
