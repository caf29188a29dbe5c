package containerengine

import "testing"

func TestEnginesSayWhoTheyAre(t *testing.T) {
	for program, test := range map[string]struct {
		said string
		want Identity
	}{
		"docker":  {`{"ID": "a", "Name": "laptop", "DockerRootDir": "/var/lib/docker", "Plugins": {"Log": ["json-file"]}}`, Identity{"a", "laptop", "/var/lib/docker"}},
		"nerdctl": {`{"ID": "b", "Name": "laptop", "Plugins": {"Log": ["json-file"]}}`, Identity{"b", "laptop", ""}},
		"podman":  {`{"host": {"hostname": "laptop"}, "store": {"graphRoot": "/containers"}, "plugins": {}, "version": {}}`, Identity{"", "laptop", "/containers"}},
	} {
		machine := answers(map[string]string{program + " -v": "", program + " info --format {{json .}}": test.said})
		if got, err := (Engine{machine, program}).Identify(t.Context()); err != nil || got != test.want {
			t.Errorf("%s: got %+v (%v), want %+v", program, got, err, test.want)
		}
	}
	const stopped = `{"ServerErrors": ["Cannot connect to the Docker daemon. Is the docker daemon running?"], "ClientInfo": {}}`
	for _, said := range []string{"error: stopped", "no JSON", stopped} {
		machine := answers(map[string]string{"docker -v": docker, "docker info --format {{json .}}": said})
		if got, err := (Engine{machine, "docker"}).Identify(t.Context()); err == nil {
			t.Errorf("%s is taken for %+v", said, got)
		}
	}
}

func TestEnginesAreToldApart(t *testing.T) {
	engine := Identity{"a", "laptop", "/var/lib/docker"}
	for name, test := range map[string]struct {
		one, other Identity
		same       bool
	}{
		"itself":                             {engine, engine, true},
		"nothing known of one":               {Identity{}, engine, true},
		"nothing known of the other":         {engine, Identity{}, true},
		"the machine has another name":       {engine, Identity{"a", "desk", "/var/lib/docker"}, true},
		"its data were lost":                 {engine, Identity{"z", "laptop", "/var/lib/docker"}, true},
		"ours, with the ID of the machine":   {engine, Identity{"a", "laptop", OwnDir + "/data"}, false},
		"Docker Desktop beside an engine":    {engine, Identity{"z", "docker-desktop", "/var/lib/docker"}, false},
		"podman on a renamed machine":        {Identity{"", "laptop", "/c"}, Identity{"", "desk", "/c"}, true},
		"podman by Docker's API, a new ID":   {Identity{"1", "laptop", "/c"}, Identity{"2", "laptop", "/c"}, true},
		"podman of another user":             {Identity{"", "laptop", "/c"}, Identity{"", "laptop", "/d"}, false},
		"nerdctl on another containerd":      {Identity{"1", "laptop", ""}, Identity{"2", "laptop", ""}, false},
		"nerdctl on the same, by its ID":     {Identity{"1", "laptop", ""}, Identity{"1", "desk", ""}, true},
		"another engine on the same machine": {engine, Identity{"", "laptop", "/c"}, false},
	} {
		if got := test.one.Matches(test.other); got != test.same {
			t.Errorf("%s: same is %v", name, got)
		}
	}
}
