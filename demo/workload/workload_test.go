package workload

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"syscall"
	"testing"
	"time"
)

func TestShareIsAnEvenPartOfTheLoad(t *testing.T) {
	s := newSplitter()
	s.setTotal(300)
	first := s.join()
	if got := <-first.shares; got != 300 {
		t.Fatalf("a single rank carries %d, want all 300", got)
	}
	second := s.join()
	if a, b := <-first.shares, <-second.shares; a != 150 || b != 150 {
		t.Fatalf("two ranks carry %d and %d, want 150 each", a, b)
	}
	s.leave(second)
	if got := <-first.shares; got != 300 {
		t.Fatalf("after the other left a rank carries %d, want all 300", got)
	}
}

func TestSlowRankSeesOnlyTheNewestShare(t *testing.T) {
	s := newSplitter()
	m := s.join()
	for _, total := range []int64{100, 200, 700} {
		s.setTotal(total)
	}
	if got := <-m.shares; got != 700 {
		t.Fatalf("share = %d, want the newest, 700", got)
	}
}

func TestFollowersReceiveChangesAndCountAsRanks(t *testing.T) {
	s := newSplitter()
	server := httptest.NewServer(s.handler())
	defer server.Close()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()

	shares := make(chan int64)
	ended := make(chan error, 1)
	go func() {
		ended <- follow(ctx, newLeadClient(), server.URL+"/share", func(m int64) { shares <- m })
	}()
	if got := <-shares; got != 0 {
		t.Fatalf("first share = %d, want 0 as no load is set", got)
	}
	load := put(t, server.URL+"/load?cpu=1.5")
	if load != (Load{Millicores: 1500, Ranks: 1}) {
		t.Fatalf("load = %+v, want 1500 millicores on 1 rank", load)
	}
	if got := <-shares; got != 1500 {
		t.Fatalf("share = %d, want 1500", got)
	}
	cancel()
	if err := <-ended; err == nil {
		t.Fatal("follow returned nil though its stream was cut")
	}
}

func TestBadLoadIsRefusedAndChangesNothing(t *testing.T) {
	s := newSplitter()
	s.setTotal(200)
	server := httptest.NewServer(s.handler())
	defer server.Close()
	for _, value := range []string{"", "lots", "-1", "1%25"} {
		request, _ := http.NewRequestWithContext(t.Context(), http.MethodPut, server.URL+"/load?cpu="+value, http.NoBody)
		response, err := http.DefaultClient.Do(request)
		if err != nil {
			t.Fatal(err)
		}
		body, _ := io.ReadAll(response.Body)
		response.Body.Close()
		if response.StatusCode != http.StatusBadRequest || !strings.Contains(string(body), "cpu:") {
			t.Errorf("cpu=%q: got %s %q, want 400 naming cpu", value, response.Status, body)
		}
	}
	if total, _ := s.status(); total != 200 {
		t.Fatalf("load = %d after refused changes, want 200", total)
	}
}

func TestBusyTimeMeetsTheShareAndNoMore(t *testing.T) {
	for _, c := range []struct {
		millicores int64
		threads    int
		want       time.Duration
	}{
		{0, 2, 0},
		{-5, 2, 0},
		{100, 1, burnPeriod / 10},
		{1000, 2, burnPeriod / 2},
		{9000, 2, burnPeriod},
	} {
		if got := busyTime(c.millicores, c.threads); got != c.want {
			t.Errorf("busyTime(%d, %d) = %v, want %v", c.millicores, c.threads, got, c.want)
		}
	}
}

// The amount depends on what else the machine does, so the test only tells
// burning from idling: a burner told to use a whole core uses CPU time until
// it is told to stop.
func TestBurnerUsesProcessorTime(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	b := newBurner()
	go b.run(ctx)
	b.set(1000)
	start := processorTime(t)
	deadline := time.Now().Add(20 * time.Second)
	for processorTime(t)-start < 50*time.Millisecond {
		if time.Now().After(deadline) {
			t.Fatal("less than 50 ms of CPU used in 20 s at a share of a whole core")
		}
		time.Sleep(burnPeriod)
	}
}

func put(t *testing.T, url string) Load {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPut, url, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	var load Load
	if err := json.NewDecoder(response.Body).Decode(&load); err != nil {
		t.Fatal(err)
	}
	return load
}

func processorTime(t *testing.T) time.Duration {
	t.Helper()
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		t.Fatal(err)
	}
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}
