package components

import (
	"reflect"
	"slices"
	"strings"
	"testing"

	corev1 "github.com/pulumi/pulumi-kubernetes/sdk/v4/go/kubernetes/core/v1"
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"github.com/gopherlocks/gopherlocks/components/componentstest"
)

const (
	miniClusterObject = "kubernetes:flux-framework.org/v1alpha2:MiniCluster"
	hpaObject         = "kubernetes:autoscaling/v2:HorizontalPodAutoscaler"
)

// sample is a MiniCluster without an HPA, after the given changes.
func sample(changes ...func(*MiniClusterArgs)) MiniClusterArgs {
	args := MiniClusterArgs{
		Name: "flux-sample", Namespace: pulumi.String("flux-operator"), MinSize: 2, MaxSize: 4,
		Image:     pulumi.String("image"),
		Resources: map[string]map[string]string{"requests": {"cpu": "100m"}},
	}
	for _, change := range changes {
		change(&args)
	}
	return args
}

func autoscaled(a *MiniClusterArgs) {
	a.Autoscale = &AutoscaleArgs{CPUTarget: 50, ScaleDownStabilization: 30}
}

func scaledByQueue(a *MiniClusterArgs) { a.Flux, a.QueueAutoscale = true, &QueueAutoscaleArgs{} }

func sized(size int) func(*MiniClusterArgs) {
	return func(a *MiniClusterArgs) { a.Size = &size }
}

func declareSample(args MiniClusterArgs, opts ...pulumi.ResourceOption) pulumi.RunFunc {
	return func(ctx *pulumi.Context) error {
		_, err := NewMiniCluster(ctx, "sample", args, opts...)
		return err
	}
}

// TestSizeBelongsToOneOwner: the size stays declared in any case, as the size to
// begin with. Whether Pulumi ignores what others make of it, and whether it
// takes its fields back, is what decides about the owner.
func TestSizeBelongsToOneOwner(t *testing.T) {
	for name, c := range map[string]struct {
		args    MiniClusterArgs
		size    float64
		ignored bool
		forced  bool
		hpa     bool
	}{
		"the program's":                        {sample(sized(3)), 3, false, true, false},
		"the HPA's":                            {sample(autoscaled), 2, true, false, true},
		"the HPA's, with a size to begin with": {sample(autoscaled, sized(3)), 3, true, false, true},
		"the queue's":                          {sample(scaledByQueue), 2, true, false, false},
		"the queue's, with a size":             {sample(scaledByQueue, sized(3)), 3, true, false, false},
		"whoever's":                            {sample(), 2, true, true, false},
		"the application's":                    {sample(func(a *MiniClusterArgs) { a.SelfScaling = true }), 2, true, true, false},
	} {
		t.Run(name, func(t *testing.T) {
			r := componentstest.Declare(t, declareSample(c.args))
			object := r.Get(t, miniClusterObject, "sample")
			object.Want(t, map[string]any{"spec.size": c.size, "spec.minSize": 2.0, "spec.maxSize": 4.0})
			if ignored := slices.Equal(object.RPC.GetIgnoreChanges(), []string{"spec.size"}); ignored != c.ignored {
				t.Errorf("ignored changes = %q", object.RPC.GetIgnoreChanges())
			}
			annotations := object.At("metadata.annotations").(map[string]any)
			if _, forced := annotations["pulumi.com/patchForce"]; forced != c.forced {
				t.Errorf("annotations = %v, want patchForce %t", annotations, c.forced)
			}
			if r.Has(hpaObject, "sample-hpa") != c.hpa {
				t.Errorf("HPA: %t, want %t", !c.hpa, c.hpa)
			}
		})
	}
}

func TestHPAStaysWithinTheBoundsOfItsMiniCluster(t *testing.T) {
	r := componentstest.Declare(t, declareSample(sample(autoscaled)))
	hpa := r.Get(t, hpaObject, "sample-hpa")
	hpa.Want(t, map[string]any{
		"metadata.name": "flux-sample-hpa", "metadata.namespace": "flux-operator",
		"spec.minReplicas": 2.0, "spec.maxReplicas": 4.0,
		"spec.scaleTargetRef.apiVersion": "flux-framework.org/v1alpha2", "spec.scaleTargetRef.kind": "MiniCluster",
		"spec.scaleTargetRef.name":                           "flux-sample",
		"spec.behavior.scaleDown.stabilizationWindowSeconds": 30.0,
	})
}

// TestHPAMeasuresTheRanksAlone: a container that somebody's webhook adds to their pods
// need not request anything.
func TestHPAMeasuresTheRanksAlone(t *testing.T) {
	r := componentstest.Declare(t, declareSample(sample(autoscaled)))
	want := []any{map[string]any{"type": "ContainerResource", "containerResource": map[string]any{
		"name": "cpu", "container": "flux-sample",
		"target": map[string]any{"type": "Utilization", "averageUtilization": 50.0},
	}}}
	if got := r.Get(t, hpaObject, "sample-hpa").At("spec.metrics"); !reflect.DeepEqual(got, want) {
		t.Errorf("metrics = %v\nwant      %v", got, want)
	}
	rank := r.Get(t, miniClusterObject, "sample").At("spec.containers").([]any)[0].(map[string]any)
	if rank["name"] != "flux-sample" {
		t.Errorf("the ranks' container is called %v, which the HPA does not measure", rank["name"])
	}
}

func TestMiniClusterShowsPoliciesTheSizeThatItsObjectIgnores(t *testing.T) {
	inputs := func(changes ...func(*MiniClusterArgs)) map[string]any {
		return componentstest.Declare(t, declareSample(sample(changes...))).Get(t, MiniClusterType, "sample").Inputs
	}
	want := map[string]any{"name": "flux-sample", "namespace": "flux-operator", "size": 3.0, "minSize": 2.0, "maxSize": 4.0}
	if got := inputs(autoscaled, sized(3)); !reflect.DeepEqual(got, want) {
		t.Errorf("inputs = %v\nwant     %v", got, want)
	}
	if got := inputs(scaledByQueue, sized(3)); !reflect.DeepEqual(got, want) {
		t.Errorf("inputs with the queue = %v\nwant                 %v", got, want)
	}
	if got := inputs(sized(3)); len(got) != 0 {
		t.Errorf("a size that the object shows too is shown twice: %v", got)
	}
	if got := inputs(autoscaled); len(got) != 0 {
		t.Errorf("a size that is not set is shown: %v", got)
	}
}

func TestMiniClusterBecomesACustomResource(t *testing.T) {
	r := componentstest.Declare(t, declareSample(sample(func(a *MiniClusterArgs) {
		a.SelfScaling, a.Flux, a.Command, a.DrainTimeoutSeconds = true, true, pulumi.String("hostname"), pulumi.IntRef(0)
	})))
	object := r.Get(t, miniClusterObject, "sample")
	object.Want(t, map[string]any{
		"metadata.name": "flux-sample", "metadata.namespace": "flux-operator",
		"spec.flux.enabled": true, "spec.selfScaling": true, "spec.scaleDown.drainTimeoutSeconds": 0.0,
	})
	container := object.At("spec.containers").([]any)[0].(map[string]any)
	if container["name"] != "flux-sample" || container["image"] != "image" || container["command"] != "hostname" {
		t.Errorf("container = %v", container)
	}
	plain := componentstest.Declare(t, declareSample(sample(func(a *MiniClusterArgs) { a.Command = pulumi.String("") }))).Get(t, miniClusterObject, "sample")
	container = plain.At("spec.containers").([]any)[0].(map[string]any)
	if _, there := container["command"]; there || plain.At("spec.selfScaling") != nil || plain.At("spec.scaleDown") != nil {
		t.Errorf("what is not set is declared: %v", plain.Inputs)
	}
}

func TestRestartsAndSleepAreDeclaredWhereTheyAreNotTheDefault(t *testing.T) {
	flux := func(a *MiniClusterArgs) { a.Flux, a.Autoscale = true, nil }
	object := componentstest.Declare(t, declareSample(sample(flux, func(a *MiniClusterArgs) {
		a.Suspend, a.RestartPolicy, a.RestartTimeoutSeconds = true, "OnRequest", pulumi.IntRef(0)
		a.RestartOnTimeout = "Requeue"
		a.StateClaim, a.Ceiling = pulumi.String("queue"), 128
		a.QueueAutoscale = &QueueAutoscaleArgs{SleepSeconds: 600}
	}))).Get(t, miniClusterObject, "sample")
	object.Want(t, map[string]any{
		"spec.suspend": true, "spec.restart.policy": "OnRequest", "spec.restart.onTimeout": "Requeue", "spec.restart.drainTimeoutSeconds": 0.0,
		"spec.flux.stateDir": "/var/lib/gopherlocks/flux", "spec.flux.ceiling": 128.0, "spec.autoscaling.queue.sleepSeconds": 600.0,
	})
	container := object.At("spec.containers").([]any)[0].(map[string]any)
	if want := map[string]any{"state": map[string]any{"path": "/var/lib/gopherlocks", "claimName": "queue"}}; !reflect.DeepEqual(container["volumes"], want) {
		t.Errorf("volumes %v, want %v", container["volumes"], want)
	}
	// What the operator may set must not be declared.
	componentstest.Declare(t, declareSample(sample(flux))).Get(t, miniClusterObject, "sample").Want(t, map[string]any{
		"spec.suspend": nil, "spec.restart": nil, "spec.flux.stateDir": nil, "spec.flux.ceiling": nil,
	})
	for want, change := range map[string]func(*MiniClusterArgs){
		`restartPolicy "Never" must be one of ["WhenIdle" "AtOnce" "OnRequest"]`: func(a *MiniClusterArgs) { a.RestartPolicy = "Never" },
		`restartOnTimeout "Wait" must be one of ["Cancel" "Requeue"]`:            func(a *MiniClusterArgs) { a.RestartOnTimeout = "Wait" },
		"restartTimeoutSeconds -1 must be from 0":                                func(a *MiniClusterArgs) { a.RestartTimeoutSeconds = pulumi.IntRef(-1) },
		"stateClaim needs flux true":                                             func(a *MiniClusterArgs) { a.StateClaim = pulumi.String("queue") },
		`stateClaim: "A": a lowercase RFC 1123 subdomain`:                        func(a *MiniClusterArgs) { a.Flux, a.StateClaim = true, pulumi.String("A") },
		"ceiling 64 needs flux true":                                             func(a *MiniClusterArgs) { a.Ceiling = 64 },
		"ceiling 3 must be at least maxSize 4":                                   func(a *MiniClusterArgs) { a.Flux, a.Ceiling = true, 3 },
		"ceiling 100001 must be at most 100000":                                  func(a *MiniClusterArgs) { a.Flux, a.Ceiling = true, 100001 },
		"sleepSeconds -1 must be from 0 to 31536000 (seconds)": func(a *MiniClusterArgs) {
			a.Flux, a.Autoscale, a.QueueAutoscale = true, nil, &QueueAutoscaleArgs{SleepSeconds: -1}
		},
	} {
		componentstest.MustRefuse(t, declareSample(sample(change)), want)
	}
}

func TestPlacementIsDeclaredWhereItIsNotTheDefault(t *testing.T) {
	placed := func(policy, key string) componentstest.Registration {
		return componentstest.Declare(t, declareSample(sample(func(a *MiniClusterArgs) {
			a.Placement, a.TopologyKey = policy, key
		}))).Get(t, miniClusterObject, "sample")
	}
	placed("OnePerNode", "").Want(t, map[string]any{"spec.pod.placement.policy": "OnePerNode", "spec.pod.placement.topologyKey": nil})
	placed("Spread", "topology.kubernetes.io/zone").Want(t, map[string]any{"spec.pod.placement.topologyKey": "topology.kubernetes.io/zone"})
	for _, byDefault := range []string{"", "Spread"} {
		placed(byDefault, "").Want(t, map[string]any{"spec.pod": nil})
	}
	componentstest.MustRefuse(t, declareSample(sample(func(a *MiniClusterArgs) { a.Placement = "Pack" })), `MiniCluster flux-sample: placement: "Pack" is not a placement`)
}

func TestMiniClusterOfOneRankNeedsNoMinSize(t *testing.T) {
	r := componentstest.Declare(t, declareSample(MiniClusterArgs{Name: "a", Namespace: pulumi.String("b"), MaxSize: 1, Image: pulumi.String("c")}))
	r.Get(t, miniClusterObject, "sample").Want(t, map[string]any{"spec.size": 1.0, "spec.minSize": 1.0, "spec.maxSize": 1.0})
}

func TestMiniClusterThatCannotWorkIsRefusedBeforeAnythingIsDeclared(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*MiniClusterArgs)
		want   []string
	}{
		"size out of bounds": {sized(9), []string{"MiniCluster flux-sample: size: size 9 must be at most maxSize 4"}},
		"no maxSize":         {func(a *MiniClusterArgs) { a.MaxSize = 0 }, []string{"maxSize: maxSize 0 must be at least 1"}},
		"no request":         {func(a *MiniClusterArgs) { autoscaled(a); a.Resources = nil }, []string{`resources: requests.cpu "" must be more than 0`}},
		"no target":          {func(a *MiniClusterArgs) { a.Autoscale = &AutoscaleArgs{} }, []string{"cpuTarget: cpuTarget 0 must be at least 1"}},
		"bad namespace":      {func(a *MiniClusterArgs) { a.Namespace = pulumi.String("A") }, []string{`namespace: "A"`}},
		"nothing": {
			func(a *MiniClusterArgs) { *a = MiniClusterArgs{} },
			[]string{"name: is not set", "namespace: is not set", "image: is not set", "maxSize: maxSize 0"},
		},
	} {
		t.Run(name, func(t *testing.T) { componentstest.MustRefuse(t, declareSample(sample(c.change)), c.want...) })
	}
}

func TestNamespaceMayComeFromAnotherResource(t *testing.T) {
	r := componentstest.Declare(t, func(ctx *pulumi.Context) error {
		namespace, err := corev1.NewNamespace(ctx, "made", &corev1.NamespaceArgs{})
		if err != nil {
			return err
		}
		_, err = NewMiniCluster(ctx, "sample", sample(func(a *MiniClusterArgs) {
			a.Namespace = namespace.ID().ToStringOutput()
		}))
		return err
	})
	r.Get(t, miniClusterObject, "sample").Want(t, map[string]any{"metadata.namespace": "made-id"})
}

func TestMiniClusterHasOutputs(t *testing.T) {
	componentstest.Declare(t, func(ctx *pulumi.Context) error {
		m, err := NewMiniCluster(ctx, "sample", sample())
		if err != nil {
			return err
		}
		pulumi.All(m.Name, m.Namespace).ApplyT(func(got []any) error {
			if got[0] != "flux-sample" || got[1] != "flux-operator" {
				t.Errorf("outputs = %v", got)
			}
			return nil
		})
		return nil
	})
}

// TestMiniClusterThatHasFailedIsAnError of the update, and of no preview. tests/api lets
// the real Pulumi wait for it.
func TestMiniClusterThatHasFailedIsAnError(t *testing.T) {
	condition := func(kind, status, reason string) map[string]any {
		return map[string]any{"type": kind, "status": status, "reason": reason, "message": "message of " + kind}
	}
	for name, c := range map[string]struct {
		conditions []any
		want       string // "" for none
	}{
		"failed":         {[]any{condition("Ready", "False", "JobFailed"), condition("Failed", "True", "CommandFailed")}, "MiniCluster flux-operator/flux-sample has failed: message of Failed (CommandFailed)"},
		"invalid":        {[]any{condition("Ready", "False", "InvalidSpec"), condition("Failed", "False", "Running")}, "MiniCluster flux-operator/flux-sample has a spec that the operator cannot follow: message of Ready (InvalidSpec)"},
		"ready":          {[]any{condition("Ready", "True", "Ready"), condition("Failed", "False", "Running")}, ""},
		"complete":       {[]any{condition("Ready", "False", "Completed"), condition("Complete", "True", "CommandSucceeded"), condition("Failed", "False", "CommandSucceeded")}, ""},
		"without status": {nil, ""},
	} {
		t.Run(name, func(t *testing.T) {
			r := componentstest.NewRecorder()
			status := resource.NewPropertyMapFromMap(map[string]any{"conditions": c.conditions})
			r.Outputs[miniClusterObject] = resource.PropertyMap{"status": resource.NewProperty(status)}
			err := r.Run(declareSample(sample()))
			if (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
				t.Errorf("%v, want %q", err, c.want)
			}
			if err = r.Preview(declareSample(sample())); err != nil {
				t.Errorf("the preview fails with what was so before: %v", err)
			}
		})
	}
}

func TestAlsoItsHPAIsAChildOfTheMiniCluster(t *testing.T) {
	r := componentstest.Declare(t, declareSample(sample(autoscaled)))
	for _, child := range []componentstest.Registration{r.Get(t, miniClusterObject, "sample"), r.Get(t, hpaObject, "sample-hpa")} {
		if parent := child.RPC.GetParent(); !strings.HasSuffix(parent, MiniClusterType+"::sample") {
			t.Errorf("%s is a child of %q", child.RPC.GetType(), parent)
		}
	}
}
