package crds

import "testing"

func TestVolumesAreRefused(t *testing.T) { checkRefusals(t, volumeRefusals) }

var volumeRefusals = []refusal{
	{"volume without a source", `containers: [{image: a, volumes: {data: {path: /data}}}]`, []string{
		`spec.containers[0].volumes[data]: Invalid value: the volume at /data has 0 sources: exactly one of hostPath, configMapName, secretName, claimName, emptyDir: true and csiDriver must be set`,
	}},
	{"volume with two sources", `containers: [{image: a, volumes: {data: {path: /data, hostPath: /data, claimName: data}}}]`, []string{
		`spec.containers[0].volumes[data]: Invalid value: the volume at /data has 2 sources: exactly one of hostPath, configMapName, secretName, claimName, emptyDir: true and csiDriver must be set`,
	}},
	{"volume without a path", `containers: [{image: a, volumes: {data: {emptyDir: true}}}]`, []string{
		`spec.containers[0].volumes.data.path: Required value`,
	}},
	{"volume at a relative path", `containers: [{image: a, volumes: {data: {path: data, emptyDir: true}}}]`, []string{
		`spec.containers[0].volumes.data.path: Invalid value: "data": spec.containers[0].volumes.data.path in body should match '^/[^:]*$'`,
	}},
	{"volume with a name that Kubernetes refuses", `containers: [{image: a, volumes: {My_Data: {path: /data, emptyDir: true}}}]`, []string{
		`spec.containers[0].volumes: Invalid value: volume My_Data must be named with at most 63 characters a-z, 0-9 and -`,
	}},
	{"medium that is not known", `containers: [{image: a, volumes: {data: {path: /data, emptyDir: true, emptyDirMedium: tape}}}]`, []string{
		`spec.containers[0].volumes.data.emptyDirMedium: Unsupported value: "tape": supported values: "", "memory", "Memory"`,
	}},
	{"size limit that is no quantity", `containers: [{image: a, volumes: {data: {path: /data, emptyDir: true, emptyDirSizeLimit: big}}}]`, []string{
		`spec.containers[0].volumes.data.emptyDirSizeLimit: Invalid value: "big": spec.containers[0].volumes.data.emptyDirSizeLimit in body should match ` + quantity,
	}},
	{"size limit of what is no emptyDir", `containers: [{image: a, volumes: {data: {path: /data, hostPath: /data, emptyDirSizeLimit: 1Gi}}}]`, []string{
		`spec.containers[0].volumes[data]: Invalid value: emptyDirMedium and emptyDirSizeLimit need emptyDir: true`,
	}},
	{"items of a claim", `containers: [{image: a, volumes: {data: {path: /data, claimName: data, items: {a: b}}}}]`, []string{
		`spec.containers[0].volumes[data].items: Invalid value: items need configMapName or secretName`,
	}},
}
