package fluxconf

import (
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/gopherlocks/gopherlocks/operator/idset"
)

func TestHosts(t *testing.T) {
	tests := map[int32]string{1: "flux-sample-0", 2: "flux-sample-[0-1]", 4: "flux-sample-[0-3]"}
	for maxSize, want := range tests {
		if got := Hosts("flux-sample", maxSize); got != want {
			t.Errorf("Hosts of %d = %q, want %q", maxSize, got, want)
		}
	}
}

func TestExpandHosts(t *testing.T) {
	tests := []struct {
		list string
		want []string
	}{
		{"a-0", []string{"a-0"}},
		{"a-[0-2]", []string{"a-0", "a-1", "a-2"}},
		{"a[1,3-4]", []string{"a1", "a3", "a4"}},
	}
	for _, tt := range tests {
		got, err := ExpandHosts(tt.list)
		if err != nil || !slices.Equal(got, tt.want) {
			t.Errorf("ExpandHosts(%q) = %q, %v, want %q", tt.list, got, err, tt.want)
		}
	}
}

func TestExpandHostsRefuses(t *testing.T) {
	for _, list := range []string{
		"", "[0-3]", "a-[]", "a-[[0]]", "a-[0", "a-0]", "a-[0]b", "a-[0][1]", "a,b", "a b", "a-[3-1]", "a-[0-100000]",
	} {
		if hosts, err := ExpandHosts(list); err == nil {
			t.Errorf("ExpandHosts(%q) = %q, want an error", list, hosts)
		} else if !strings.Contains(err.Error(), "host list "+strconv.Quote(list)) {
			t.Errorf("ExpandHosts(%q): %v, want an error that names the list", list, err)
		}
	}
}

func FuzzHosts(f *testing.F) {
	f.Add("flux-sample", int32(4))
	f.Add("a.b", int32(1))
	f.Add("x", int32(100_000))
	f.Fuzz(func(t *testing.T, name string, maxSize int32) {
		if !dnsName.MatchString(name) || maxSize < 1 || maxSize > idset.Max {
			return
		}
		hosts, err := ExpandHosts(Hosts(name, maxSize))
		if err != nil || len(hosts) != int(maxSize) {
			t.Fatalf("%d hosts of %d, %v", len(hosts), maxSize, err)
		}
		for rank, host := range hosts {
			if host != name+"-"+strconv.Itoa(rank) {
				t.Fatalf("rank %d is %q", rank, host)
			}
		}
	})
}

func FuzzExpandHosts(f *testing.F) {
	f.Add("a-[0-3]")
	f.Add("a-[0")
	f.Add("]")
	f.Fuzz(func(t *testing.T, list string) {
		hosts, err := ExpandHosts(list)
		if err != nil {
			return
		}
		if count, err := countHosts(list); err != nil || count != len(hosts) || count == 0 {
			t.Fatalf("%q: %d hosts, counted %d, %v", list, len(hosts), count, err)
		}
	})
}
