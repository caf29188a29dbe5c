package fluxconf

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"
)

// equalJSON compares two texts of JSON by their meaning.
func equalJSON(t *testing.T, a, b []byte) bool {
	t.Helper()
	var left, right any
	if err := json.Unmarshal(a, &left); err != nil {
		t.Fatalf("%v in %s", err, a)
	}
	if err := json.Unmarshal(b, &right); err != nil {
		t.Fatalf("%v in %s", err, b)
	}
	return reflect.DeepEqual(left, right)
}

func TestResourcesAreRFC20(t *testing.T) {
	tests := []struct {
		hosts                string
		ceiling, cores, gpus int32
		want                 string
	}{
		{"flux-sample-[0-3]", 4, 8, 0, `{
			"version": 1,
			"execution": {
				"R_lite": [{"rank": "0-3", "children": {"core": "0-7"}}],
				"starttime": 0.0,
				"expiration": 0.0,
				"nodelist": ["flux-sample-[0-3]"]
			}
		}`},
		{"flux-sample-[0-3]", 4, 8, 2, `{
			"version": 1,
			"execution": {
				"R_lite": [{"rank": "0-3", "children": {"core": "0-7", "gpu": "0-1"}}],
				"starttime": 0.0,
				"expiration": 0.0,
				"nodelist": ["flux-sample-[0-3]"]
			}
		}`},
		{"a-0", 1, 1, 0, `{
			"version": 1,
			"execution": {
				"R_lite": [{"rank": "0", "children": {"core": "0"}}],
				"starttime": 0.0,
				"expiration": 0.0,
				"nodelist": ["a-0"]
			}
		}`},
	}
	for _, tt := range tests {
		got, err := Resources(tt.hosts, tt.ceiling, tt.cores, tt.gpus)
		if err != nil {
			t.Fatal(err)
		}
		if !equalJSON(t, got, []byte(tt.want)) {
			t.Errorf("R of %s = %s, want %s", tt.hosts, got, tt.want)
		}
		// jansson, which Flux reads it with, tells reals from integers.
		if !strings.Contains(string(got), `"starttime":0.0,"expiration":0.0`) {
			t.Errorf("times in %s are not real numbers", got)
		}
	}
}

func TestResourcesRefuse(t *testing.T) {
	tests := []struct {
		hosts                string
		ceiling, cores, gpus int32
		want                 string
	}{
		{"a-[0-3]", 0, 1, 0, "ceiling 0 must be 1 to 100000"},
		{"a-[0-3]", 100_001, 1, 0, "ceiling 100001 must be 1 to 100000"},
		{"a-[0-3]", 4, 0, 0, "cores 0 must be 1 to 100000"},
		{"a-[0-3]", 4, -1, 0, "cores -1 must be 1 to 100000"},
		{"a-[0-3]", 4, 100_001, 0, "cores 100001 must be 1 to 100000"},
		{"a-[0-3]", 5, 1, 0, `hosts "a-[0-3]" are 4, and must be as many as ceiling 5`},
		{"", 1, 1, 0, `host list ""`},
		{"a-0", 1, 1, -1, "GPUs -1 must be 0 to 100000"},
	}
	for _, tt := range tests {
		if r, err := Resources(tt.hosts, tt.ceiling, tt.cores, tt.gpus); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("Resources(%q, %d, %d, %d) = %s, %v, want an error with %q", tt.hosts, tt.ceiling, tt.cores, tt.gpus, r, err, tt.want)
		}
	}
}

func TestResourcesOfAUser(t *testing.T) {
	for r, want := range map[string]string{
		`{"version":1,"execution":{"R_lite":[{"rank":"0-1","children":{"core":"0"}},{"rank":"2-3","children":{"core":"0-7"}}]}}`: "",
		`{"version":1,"execution":{"R_lite":[{"rank":"0-7","children":{"core":"0"}}]}}`:                                          "",
		`{"version":1,"execution":{"R_lite":[{"rank":"0-1","children":{"core":"0"}}]}}`:                                          "ranks 2-3 missing",
		`{"version":1,"execution":{"R_lite":[{"rank":"0-","children":{"core":"0"}}]}}`:                                           "0-",
		`{"version":2}`: "version 2 must be 1",
		``:              "RFC 20",
	} {
		err := CheckResources([]byte(r), 4)
		if want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("%s: %v, want %q", r, err, want)
		}
	}
}
