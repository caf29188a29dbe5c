package config

import (
	"slices"
	"testing"

	"github.com/gopherlocks/gopherlocks/components"
)

func TestMountsOfKindAreRead(t *testing.T) {
	got := mustLoad(t, map[string]string{
		"clusterProvider": "kind",
		"kindMounts":      `[{"hostPath": "/data"}, {"hostPath": "/srv/models", "containerPath": "/models", "readOnly": true}]`,
	}).KindMounts
	want := []components.KindMount{
		{HostPath: "/data", ContainerPath: "/data"},
		{HostPath: "/srv/models", ContainerPath: "/models", ReadOnly: true},
	}
	if !slices.Equal(got, want) {
		t.Errorf("mounts = %+v, want %+v", got, want)
	}
	if none := mustLoad(t, map[string]string{"clusterProvider": "kind"}).KindMounts; len(none) != 0 {
		t.Errorf("without the key there are mounts: %+v", none)
	}
}

func TestInvalidMountsOfKindNameTheirPath(t *testing.T) {
	for list, want := range map[string]string{
		`{"hostPath": "/data"}`:                      "gopherlocks:kindMounts:",
		`["/data"]`:                                  `gopherlocks:kindMounts[0]: "\"/data\"" is not an object such as`,
		`[{"containerPath": "/data"}]`:               "gopherlocks:kindMounts[0].hostPath: is not set",
		`[{"hostPath": "data"}]`:                     `gopherlocks:kindMounts[0].hostPath: "data" must be an absolute path`,
		`[{"hostPath": "/a", "containerPath": "b"}]`: `gopherlocks:kindMounts[0].containerPath: "b" must be an absolute path`,
		`[{"hostPath": "/a"}, {"hostPath": "/b", "containerPath": "/a/"}]`: `gopherlocks:kindMounts[1].containerPath: "/a/" is that of kindMounts[0] too`,
		`[{"hostPath": "/a", "readonly": true}]`:                           "gopherlocks:kindMounts[0].readonly is not a field of a mount; did you mean readOnly?",
		`[{"hostPath": "/a", "readOnly": "maybe"}]`:                        `gopherlocks:kindMounts[0].readOnly: "maybe" is not true or false`,
	} {
		mustRefuse(t, map[string]string{"clusterProvider": "kind", "kindMounts": list}, want)
	}
}
