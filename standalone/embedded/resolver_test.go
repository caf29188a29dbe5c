package embedded

import (
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// The contents of files that list name servers.
const (
	stubResolver  = "# systemd-resolved\nnameserver 127.0.0.53\noptions edns0\n"
	localResolver = "nameserver 127.0.0.1\nnameserver ::1\n"
	usableServers = "search example.com\nnameserver 192.0.2.1\nnameserver fd00::1\nnameserver 192.0.2.2\n"
	otherServers  = "nameserver fd00::1\nnameserver fe80::1%eth0\nnameserver 0.0.0.0\n"
)

func TestNameServersAreThoseThatAClusterReaches(t *testing.T) {
	for name, test := range map[string]struct {
		files []string
		want  []string
		// unusable are parts of what is said of each file with others only.
		unusable []string
	}{
		"without a network":                {[]string{""}, nil, nil},
		"without a file":                   {nil, nil, nil},
		"as they are":                      {[]string{usableServers}, []string{"192.0.2.1", "192.0.2.2"}, nil},
		"behind the stub":                  {[]string{stubResolver, usableServers}, []string{"192.0.2.1", "192.0.2.2"}, nil},
		"behind another one":               {[]string{localResolver, "", usableServers}, []string{"192.0.2.1", "192.0.2.2"}, nil},
		"behind the stub, without network": {[]string{stubResolver, ""}, nil, nil},
		"on the loopback only":             {[]string{localResolver}, nil, []string{"0 lists 127.0.0.1, ::1"}},
		"of IPv6 only, behind the stub":    {[]string{stubResolver, otherServers}, nil, []string{"1 lists fd00::1, fe80::1%eth0, 0.0.0.0"}},
		"unusable everywhere":              {[]string{localResolver, otherServers}, nil, []string{"0 lists 127.0.0.1", "1 lists fd00::1"}},
	} {
		folder := t.TempDir()
		var files []string
		for i, content := range test.files {
			files = append(files, filepath.Join(folder, string(rune('0'+i))))
			write(t, files[i], content)
		}
		got, unusable := findNameServers(append(files, filepath.Join(folder, "missing")))
		if !slices.Equal(got, test.want) || !slices.EqualFunc(unusable, test.unusable, strings.Contains) {
			t.Errorf("%s: got %q, and %q", name, got, unusable)
		}
	}
}

func TestWarningSaysWhatUnusableNameServersMean(t *testing.T) {
	if got := warnOfNameServers("a", nil, nil); got != "" {
		t.Errorf("without a network: %q", got)
	}
	unusable := []string{"/etc/resolv.conf lists 127.0.0.1"}
	for want, have := range map[string][]string{"no images": nil, "still asks 192.0.2.1,": {"192.0.2.1"}} {
		if got := warnOfNameServers("a", have, unusable); !strings.Contains(got, want) || !strings.Contains(got, unusable[0]) {
			t.Errorf("with %v: %q", have, got)
		}
	}
}
