package crds

import "testing"

func TestVolumesAreRefused(t *testing.T) { checkRefusals(t, volumeRefusals) }

var volumeRefusals = []refusal{
	{"volume with two sources", `containers: [{image: a, volumes: {data: {path: /data, hostPath: /data, claimName: data}}}]`, []string{
		`spec.containers[0].volumes[data]: Invalid value: the volume at /data has 2 sources: at most one of hostPath, configMapName, secretName, claimName, emptyDir: true and csiDriver can be set`,
	}},
	{"volume without a path", `containers: [{image: a, volumes: {data: {claimName: data}}}]`, []string{
		`spec.containers[0].volumes[data].path: Invalid value: the volume needs a path: only an emptyDir has one by default, /dev/shm`,
	}},
	{"service's volume without a path", `services: [{image: a, name: b, volumes: {data: {hostPath: /data}}}]`, []string{
		`spec.services[0].volumes[data].path: Invalid value: the volume needs a path: only an emptyDir has one by default, /dev/shm`,
	}},
	{"two volumes in shared memory", `containers: [{image: a, volumes: {a: {emptyDir: true}, b: {emptyDir: true}}}]`, []string{
		`spec.containers[0].volumes: Invalid value: two volumes of the container have the same path (an emptyDir without one is at /dev/shm): choose another for one of them`,
	}},
	{"volume with a name of ours", `containers: [{image: a, volumes: {gopherlocks-data: {path: /data, emptyDir: true}}}]`, []string{
		`spec.containers[0].volumes: Invalid value: volume gopherlocks-data: names of volumes that begin with gopherlocks are those of the operator: choose another`,
	}},
	{"volume in the agent's folder", `containers: [{image: a, volumes: {data: {path: /gopherlocks/, emptyDir: true}}}]`, []string{
		`spec.containers[0].volumes: Invalid value: volume data: its path is in use by the operator: choose another`,
	}},
	{"volume at the view", `containers: [{image: a, volumes: {data: {path: /mnt/flux/, emptyDir: true}}}]`, []string{
		`spec.containers: Invalid value: a volume of the container that runs Flux has the path of flux.container.mountPath (/mnt/flux by default): choose another for one of them`,
	}},
	{"volume at a relative path", `containers: [{image: a, volumes: {data: {path: data, emptyDir: true}}}]`, []string{
		`spec.containers[0].volumes[data].path: Invalid value: path data must begin with / and have no :`,
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
