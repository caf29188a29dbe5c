package build

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	"k8s.io/utils/ptr"

	api "github.com/gopherlocks/gopherlocks/operator/api/v1alpha2"
	"github.com/gopherlocks/gopherlocks/operator/internal/agentapi"
)

func variable(c corev1.Container, name string) (corev1.EnvVar, bool) {
	i := slices.IndexFunc(c.Env, func(v corev1.EnvVar) bool { return v.Name == name })
	if i < 0 {
		return corev1.EnvVar{}, false
	}
	return c.Env[i], true
}

func mountPaths(c corev1.Container) []string {
	var paths []string
	for _, m := range c.VolumeMounts {
		paths = append(paths, m.MountPath)
	}
	return paths
}

func TestAgentRunsTheRankOfFlux(t *testing.T) {
	pod := builtPod(t, sample())
	rank := container(t, pod, "sample")
	equal(t, "command", rank.Command, []string{agentapi.Program, "rank"})
	if _, found := variable(rank, agentapi.ConfigVariable); !found {
		t.Error("the rank is told nothing")
	}
	equal(t, "mounts", mountPaths(rank), []string{agentapi.Folder, agentapi.SecretFolder, stateFolder, "/mnt/flux"})
	equal(t, "init containers", []string{pod.Spec.InitContainers[0].Name, pod.Spec.InitContainers[1].Name}, []string{"gopherlocks-agent", "flux-view"})
	equal(t, "install", pod.Spec.InitContainers[0].Args, []string{"install", agentapi.Program})
	equal(t, "copy", pod.Spec.InitContainers[1].Command, []string{agentapi.Program, "copy-view", "/mnt/flux"})
}

// TestSecretIsForTheRanksContainerOnly: its user may be another than root, so that all
// can read the files.
func TestSecretIsForTheRanksContainerOnly(t *testing.T) {
	for _, volume := range builtPod(t, sample()).Spec.Volumes {
		if volume.Secret != nil {
			equal(t, "Secret", *volume.Secret, corev1.SecretVolumeSource{SecretName: SecretName(sample()), DefaultMode: ptr.To[int32](0o444)})
			return
		}
	}
	t.Error("the Secret is not mounted")
}

func TestAgentsFolderIsInBoundedMemory(t *testing.T) {
	folder := builtPod(t, sample()).Spec.Volumes[0]
	if folder.EmptyDir == nil || folder.EmptyDir.Medium != corev1.StorageMediumMemory || folder.EmptyDir.SizeLimit == nil {
		t.Errorf("volume %s", encode(t, folder))
	}
}

func TestStateFolderOfTheUserReplacesOurs(t *testing.T) {
	pod := builtPod(t, with(sample(), func(s *api.MiniClusterSpec) { s.Flux.StateDir = "/state/flux" }))
	if paths := mountPaths(container(t, pod, "sample")); slices.Contains(paths, stateFolder) {
		t.Errorf("mounts %q", paths)
	}
	for _, volume := range pod.Spec.Volumes {
		if volume.Name == stateVolume {
			t.Errorf("volume %s", encode(t, volume))
		}
	}
}

func TestViewCanBeDisabled(t *testing.T) {
	mc := with(sample(), func(s *api.MiniClusterSpec) {
		s.Flux.Container = api.FluxContainer{Disable: true, ImagePullSecret: "registry"}
	})
	pod := builtPod(t, mc)
	if len(pod.Spec.InitContainers) != 1 || len(pod.Spec.ImagePullSecrets) != 0 {
		t.Errorf("pod %s", encode(t, pod.Spec))
	}
	// Its volume stays, for the broker's socket.
	if paths := mountPaths(container(t, pod, "sample")); !slices.Contains(paths, "/mnt/flux") {
		t.Errorf("mounts %q", paths)
	}
	equal(t, "view", toldConfig(t, mc, 2, 4).ViewPath, "")
}

// TestRankThatIsNotRootHasTheViewInPlace: it cannot link it there itself.
func TestRankThatIsNotRootHasTheViewInPlace(t *testing.T) {
	user := func(n int64) *corev1.PodSecurityContext { return &corev1.PodSecurityContext{RunAsUser: &n} }
	for what, c := range map[string]struct {
		change func(*api.MiniClusterSpec)
		want   bool
	}{
		"nothing is said":      {func(*api.MiniClusterSpec) {}, false},
		"the pod's user":       {func(s *api.MiniClusterSpec) { s.Pod.SecurityContext = user(7) }, true},
		"the container's user": {func(s *api.MiniClusterSpec) { s.Containers[0].SecurityContext.RunAsUser = ptr.To[int64](7) }, true},
		"the container is root": {func(s *api.MiniClusterSpec) {
			s.Pod.SecurityContext, s.Containers[0].SecurityContext.RunAsUser = user(7), ptr.To[int64](0)
		}, false},
		"not root":               {func(s *api.MiniClusterSpec) { s.Containers[0].SecurityContext.RunAsNonRoot = ptr.To(true) }, true},
		"restricted":             {func(s *api.MiniClusterSpec) { s.Pod.Restricted = true }, true},
		"restricted and no view": {func(s *api.MiniClusterSpec) { s.Pod.Restricted, s.Flux.Container.Disable = true, true }, false},
	} {
		paths := mountPaths(container(t, builtPod(t, with(sample(), c.change)), "sample"))
		if got := slices.Contains(paths, agentapi.ViewSoftware); got != c.want {
			t.Errorf("%s: mounts %q", what, paths)
		}
	}
}

func TestViewIsAsWished(t *testing.T) {
	gpu := corev1.ResourceList{"nvidia.com/gpu": resource.MustParse("1")}
	pod := builtPod(t, with(sample(), func(s *api.MiniClusterSpec) {
		s.Flux.Container = api.FluxContainer{
			Image: "view:2", Name: "view", MountPath: "/opt/flux", WorkingDir: "/tmp", ImagePullSecret: "registry", PullAlways: true,
			Resources: api.Resources{Limits: gpu},
		}
	}))
	view := container(t, pod, "view")
	if view.Image != "view:2" || view.WorkingDir != "/tmp" || view.ImagePullPolicy != corev1.PullAlways {
		t.Errorf("view %s", encode(t, view))
	}
	equal(t, "resources", encode(t, view.Resources.Limits), encode(t, gpu))
	equal(t, "places", mountPaths(view), []string{agentapi.Folder, "/opt/flux"})
	equal(t, "pull secrets", pod.Spec.ImagePullSecrets, []corev1.LocalObjectReference{{Name: "registry"}})
}

// TestAgentIsPulledFromItsOwnRegistry: also for MiniClusters that say nothing of
// registries, and only where there is an agent to pull.
func TestAgentIsPulledFromItsOwnRegistry(t *testing.T) {
	settings := Settings{AgentImage: "registry.example/agent:1", AgentPullSecret: "ours"}
	for name, c := range map[string]struct {
		change func(*api.MiniClusterSpec)
		want   []corev1.LocalObjectReference
	}{
		"with Flux":          {func(*api.MiniClusterSpec) {}, []corev1.LocalObjectReference{{Name: "ours"}}},
		"beside the user's":  {func(s *api.MiniClusterSpec) { s.Containers[0].ImagePullSecret = "theirs" }, []corev1.LocalObjectReference{{Name: "ours"}, {Name: "theirs"}}},
		"the same as theirs": {func(s *api.MiniClusterSpec) { s.Containers[0].ImagePullSecret = "ours" }, []corev1.LocalObjectReference{{Name: "ours"}}},
		"without an agent":   {func(s *api.MiniClusterSpec) { s.Flux.Enabled, s.Containers[0].Command = ptr.To(false), "" }, nil},
	} {
		t.Run(name, func(t *testing.T) {
			job, err := Job(with(sample(), c.change), 2, 4, settings)
			if err != nil {
				t.Fatal(err)
			}
			got := decode[corev1.PodSpec](t, job.Spec.Template.Spec)
			equal(t, "pull secrets", got.ImagePullSecrets, c.want)
		})
	}
}

// TestInitContainersCostNothing: neither requests beyond the rank's, nor its
// quality-of-service class, nor a device.
func TestInitContainersCostNothing(t *testing.T) {
	all := corev1.ResourceList{
		corev1.ResourceCPU: resource.MustParse("2"), corev1.ResourceMemory: resource.MustParse("1Gi"), "nvidia.com/gpu": resource.MustParse("1"),
	}
	pod := builtPod(t, with(sample(), func(s *api.MiniClusterSpec) {
		s.Containers[0].Resources = api.Resources{Requests: all, Limits: all}
	}))
	for _, c := range pod.Spec.InitContainers {
		for _, list := range []corev1.ResourceList{c.Resources.Requests, c.Resources.Limits} {
			equal(t, c.Name, encode(t, list), `{"cpu":"2","memory":"1Gi"}`)
		}
	}
	free := builtPod(t, with(sample(), func(s *api.MiniClusterSpec) { s.Containers[0].Resources = api.Resources{} }))
	for _, c := range free.Spec.InitContainers {
		equal(t, c.Name, c.Resources, corev1.ResourceRequirements{})
	}
}

func TestRankIsReadyWhenItsBrokerIs(t *testing.T) {
	rank := container(t, builtPod(t, sample()), "sample")
	if rank.ReadinessProbe == nil || rank.ReadinessProbe.HTTPGet.Path != "/readyz" || rank.ReadinessProbe.HTTPGet.Port.IntValue() != agentapi.HealthPort {
		t.Errorf("readiness %s", encode(t, rank.ReadinessProbe))
	}
	if rank.LivenessProbe != nil || rank.StartupProbe != nil {
		t.Error("a probe that would kill a rank which waits or computes")
	}
	if plain := container(t, builtPod(t, plainSample()), "sample"); plain.ReadinessProbe != nil {
		t.Error("the agent answers no probe without Flux")
	}
}

func TestAgentRunsTheCommandWithoutFlux(t *testing.T) {
	pod := builtPod(t, plainSample())
	rank := container(t, pod, "sample")
	equal(t, "command", rank.Command, []string{agentapi.Program, "plain", "--", "run", "it"})
	equal(t, "mounts", mountPaths(rank), []string{agentapi.Folder})
	if _, found := variable(rank, agentapi.ConfigVariable); found || len(pod.Spec.InitContainers) != 1 || len(pod.Spec.Volumes) != 1 {
		t.Errorf("something of Flux in %s", encode(t, pod.Spec))
	}
}

func TestImageStartsByItselfWithoutCommandAndFlux(t *testing.T) {
	for what, change := range map[string]func(*api.MiniClusterSpec){
		"no command":       func(s *api.MiniClusterSpec) { s.Containers[0].Command = "" },
		"noWrapEntrypoint": func(s *api.MiniClusterSpec) { s.Containers[0].NoWrapEntrypoint = true },
	} {
		pod := builtPod(t, with(plainSample(), change))
		if rank := pod.Spec.Containers[0]; rank.Command != nil || len(pod.Spec.InitContainers) != 0 || len(pod.Spec.Volumes) != 0 {
			t.Errorf("%s: pod %s", what, encode(t, pod.Spec))
		}
	}
}

func TestNoWrapEntrypointGetsTheCommandAsArguments(t *testing.T) {
	pod := builtPod(t, with(plainSample(), func(s *api.MiniClusterSpec) { s.Containers[0].NoWrapEntrypoint = true }))
	equal(t, "arguments", pod.Spec.Containers[0].Args, []string{"run", "it"})
}

func TestAgentsImageIsNeeded(t *testing.T) {
	for _, mc := range []*api.MiniCluster{sample(), plainSample()} {
		_, err := Job(mc, 1, 1, Settings{})
		mustRefuse(t, err, "agent's image")
	}
	withoutCommand := with(plainSample(), func(s *api.MiniClusterSpec) { s.Containers[0].Command = "" })
	if _, err := Job(withoutCommand, 1, 1, Settings{}); err != nil {
		t.Errorf("no agent is needed, but: %v", err)
	}
}

func TestContainersBesideTheRank(t *testing.T) {
	pod := builtPod(t, with(sample(), func(s *api.MiniClusterSpec) {
		s.Containers[0].RunFlux = true
		s.Containers = append([]api.Container{
			{Name: "first", Image: "i", Command: "serve 'a b'"},
			{Name: "second", Image: "i", Command: "-v", NoWrapEntrypoint: true},
			{Name: "third", Image: "i"},
		}, s.Containers...)
	}))
	equal(t, "first", container(t, pod, "first").Command, []string{"serve", "a b"})
	equal(t, "second", container(t, pod, "second").Args, []string{"-v"})
	if third := container(t, pod, "third"); third.Command != nil || third.Args != nil {
		t.Errorf("third %s", encode(t, third))
	}
	equal(t, "rank", container(t, pod, "sample").Command, []string{agentapi.Program, "rank"})
	if _, found := variable(container(t, pod, "first"), agentapi.RankVariable); !found {
		t.Error("a container beside the rank does not know the rank")
	}
	if _, found := variable(container(t, pod, "first"), agentapi.ConfigVariable); found {
		t.Error("the agent's configuration is in another container")
	}
	equal(t, "default of kubectl logs", pod.Annotations["kubectl.kubernetes.io/default-container"], "sample")
}

func TestVariables(t *testing.T) {
	pod := builtPod(t, with(sample(), func(s *api.MiniClusterSpec) {
		s.Network.HeadlessName = "net"
		s.Flux.Scheduler.Simple = true
		s.Flux.Environment = map[string]string{"A": "flux", "B": "flux", "FLUXION_QMANAGER_RC_NOOP": "mine"}
		s.Containers[0].Environment = map[string]string{"A": "container"}
		s.Containers[0].Secrets = map[string]api.SecretKey{"S": {Name: "secret", Key: "key"}, "B": {Name: "secret", Key: "b"}}
	}))
	rank := container(t, pod, "sample")
	got := map[string]string{}
	for _, v := range rank.Env {
		if _, twice := got[v.Name]; twice {
			t.Errorf("%s comes twice, which the API server refuses", v.Name)
		}
		got[v.Name] = v.Value
		if v.ValueFrom != nil && v.ValueFrom.SecretKeyRef != nil {
			got[v.Name] = v.ValueFrom.SecretKeyRef.Name + "/" + v.ValueFrom.SecretKeyRef.Key
		}
	}
	delete(got, agentapi.ConfigVariable)
	delete(got, agentapi.RankVariable)
	if diff := cmp.Diff(map[string]string{
		"A": "container", "B": "secret/b", "S": "secret/key",
		"FLUXION_QMANAGER_RC_NOOP": "mine", "FLUXION_RESOURCE_RC_NOOP": "1",
		"GOPHERLOCKS_NAME": "sample", "GOPHERLOCKS_SERVICE": "net", "GOPHERLOCKS_LEAD_HOST": "sample-0.net.ns.svc",
	}, got); diff != "" {
		t.Error(diff)
	}
}
