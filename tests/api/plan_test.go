package api

import (
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"testing"

	authorizationv1 "k8s.io/api/authorization/v1"
	autoscalingv2 "k8s.io/api/autoscaling/v2"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/client-go/tools/clientcmd"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	api "github.com/gopherlocks/gopherlocks/operator/api/v1alpha2"
	"github.com/gopherlocks/gopherlocks/operator/idset"
	"github.com/gopherlocks/gopherlocks/resizeplan"
	"github.com/gopherlocks/gopherlocks/resizeplan/cluster"
)

// planner is a user who may only read MiniClusters and the objects that the
// operator makes.
const planner = "planner"

// connectAs connects as a user, or as the administrator if user is empty.
func connectAs(t *testing.T, user string) *cluster.Cluster {
	t.Helper()
	config, err := clientcmd.LoadFromFile(world.kubeconfig)
	if err != nil {
		t.Fatal(err)
	}
	for _, auth := range config.AuthInfos {
		auth.Impersonate = user
	}
	content, err := clientcmd.Write(*config)
	if err != nil {
		t.Fatal(err)
	}
	c, err := cluster.Connect(string(content))
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// declared is the MiniCluster as a stack with this spec declares it, without what
// the API server fills in.
func (m miniCluster) declared(spec map[string]any) map[string]any {
	spec["containers"] = []any{map[string]any{"image": "example.org/image:1", "command": "work --hard"}}
	spec["flux"] = map[string]any{"enabled": false}
	return map[string]any{
		"apiVersion": api.GroupVersion.String(), "kind": api.Kind,
		"metadata": map[string]any{"name": m.key.Name, "namespace": m.key.Namespace},
		"spec":     spec,
	}
}

// dryRun is the API server's answer to Pulumi's preview of an update.
func (m miniCluster) dryRun(object map[string]any) map[string]any {
	m.t.Helper()
	answer := &unstructured.Unstructured{Object: asMap(m.t, object)}
	err := world.client.Apply(m.t.Context(), client.ApplyConfigurationFromUnstructured(answer), client.FieldOwner("pulumi"), client.ForceOwnership, client.DryRunAll)
	if err != nil {
		m.t.Fatal(err)
	}
	return asMap(m.t, answer.Object)
}

// asMap is v as it comes out of JSON.
func asMap(t testing.TB, v any) map[string]any {
	t.Helper()
	data, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	var object map[string]any
	if err := json.Unmarshal(data, &object); err != nil {
		t.Fatal(err)
	}
	return object
}

// plan makes the report about an update to the spec.
func (m miniCluster) plan(c *cluster.Cluster, before, after map[string]any, answered bool) resizeplan.MiniCluster {
	m.t.Helper()
	d := resizeplan.Declared{
		Operation: resizeplan.Update, Namespace: m.key.Namespace, Name: m.key.Name,
		Before: asMap(m.t, m.declared(before)), After: asMap(m.t, m.declared(after)),
	}
	if answered {
		d.Result = m.dryRun(d.After)
	}
	live := c.Look(m.t.Context(), []resizeplan.Key{d.Key()})
	return resizeplan.Make(resizeplan.Preview{MiniClusters: []resizeplan.Declared{d}}, live).MiniClusters[0]
}

// TestPlanIsWhatTheOperatorDoes makes plans with and without the API server's
// answer to a dry run. The stack declares less of the MiniCluster than the API
// server keeps. If a plan says that nothing restarts, the operator must then
// restart nothing.
func TestPlanIsWhatTheOperatorDoes(t *testing.T) {
	t.Parallel()
	m := create(t, api.MiniClusterSpec{Size: 2, MaxSize: 4})
	m.waitForSize(2)
	admin := connectAs(t, "")
	spec := func(size, maxSize int) map[string]any { return map[string]any{"size": size, "maxSize": maxSize} }
	hurried := spec(3, 4)
	hurried["deadlineSeconds"] = 3600
	drainless := spec(2, 4)
	drainless["scaleDown"] = map[string]any{"drainTimeoutSeconds": 0}
	for _, tt := range []struct {
		name   string
		after  map[string]any
		change resizeplan.Change
		size   int32
	}{
		{"nothing", spec(2, 4), resizeplan.ChangeNone, 2},
		{"what can change under running ranks", drainless, resizeplan.ChangeNone, 2},
		{"grow", spec(3, 4), resizeplan.ChangeGrow, 3},
		{"shrink", spec(1, 4), resizeplan.ChangeShrink, 1},
		{"another maximum", spec(2, 5), resizeplan.ChangeNone, 2},
		{"a deadline", hurried, resizeplan.ChangeRestart, 3},
	} {
		for _, answered := range []bool{true, false} {
			got := m.plan(admin, spec(2, 4), tt.after, answered)
			if got.Change != tt.change || got.SizeAfter == nil || *got.SizeAfter != tt.size {
				t.Errorf("%s (answered: %t): %s to %v; want %s to %d", tt.name, answered, got.Change, got.SizeAfter, tt.change, tt.size)
			}
		}
	}

	planned := m.plan(admin, spec(2, 4), spec(3, 4), true)
	before := uids(m.pods())
	m.change(func(s *api.MiniClusterSpec) { s.Size = 3 })
	m.waitForSize(3)
	if planned.Arriving == nil || planned.Arriving.Set.String() != "2" || planned.Restart.AllRanks != resizeplan.No {
		t.Errorf("planned %+v, restart %+v", planned.Arriving, planned.Restart)
	}
	for rank, uid := range before {
		if uids(m.pods())[rank] != uid {
			t.Errorf("rank %s was replaced, which the plan did not say", rank)
		}
	}
	planned = m.plan(admin, spec(3, 4), hurried, true)
	before = uids(m.pods())
	m.change(func(s *api.MiniClusterSpec) { s.DeadlineSeconds = 3600 })
	eventually(t, func() error {
		for rank, uid := range uids(m.pods()) {
			if before[rank] == uid {
				return fmt.Errorf("rank %s has still its pod, although the plan said %s", rank, planned.Change)
			}
		}
		return nil
	})
}

func TestPlanFindsAutoscalersThatPulumiDoesNotKnow(t *testing.T) {
	t.Parallel()
	m := create(t, api.MiniClusterSpec{Size: 2, MaxSize: 4})
	m.waitForSize(2)
	hpa := &autoscalingv2.HorizontalPodAutoscaler{
		ObjectMeta: metav1.ObjectMeta{Name: "by-hand", Namespace: m.key.Namespace},
		Spec: autoscalingv2.HorizontalPodAutoscalerSpec{
			ScaleTargetRef: autoscalingv2.CrossVersionObjectReference{APIVersion: api.GroupVersion.String(), Kind: api.Kind, Name: m.key.Name},
			MinReplicas:    ptr.To(int32(2)), MaxReplicas: 4,
		},
	}
	if err := world.client.Create(t.Context(), hpa); err != nil {
		t.Fatal(err)
	}
	spec := map[string]any{"size": 2, "maxSize": 4}
	if got := m.plan(connectAs(t, ""), spec, spec, true); got.Autoscaler == nil || got.Autoscaler.Name != "by-hand" || got.Autoscaler.MaxReplicas != 4 {
		t.Errorf("%+v", got.Autoscaler)
	}
}

func TestPlanSaysWhatItMayNotRead(t *testing.T) {
	t.Parallel()
	m := create(t, api.MiniClusterSpec{Size: 2, MaxSize: 4})
	m.waitForSize(2)
	role := &rbacv1.Role{
		ObjectMeta: metav1.ObjectMeta{Name: planner, Namespace: m.key.Namespace},
		Rules: []rbacv1.PolicyRule{
			{APIGroups: []string{api.GroupVersion.Group}, Resources: []string{"miniclusters"}, Verbs: []string{"get"}},
			{APIGroups: []string{"batch"}, Resources: []string{"jobs"}, Verbs: []string{"get"}},
			{APIGroups: []string{""}, Resources: []string{"services"}, Verbs: []string{"get"}},
			{APIGroups: []string{""}, Resources: []string{"pods"}, Verbs: []string{"list"}},
		},
	}
	binding := &rbacv1.RoleBinding{
		ObjectMeta: role.ObjectMeta,
		Subjects:   []rbacv1.Subject{{APIGroup: rbacv1.GroupName, Kind: rbacv1.UserKind, Name: planner}},
		RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "Role", Name: planner},
	}
	for _, o := range []client.Object{role, binding} {
		if err := world.client.Create(t.Context(), o); err != nil {
			t.Fatal(err)
		}
	}
	for _, rule := range role.Rules {
		eventually(t, func() error { // the API server learns of roles a little later
			if !allowed(t, planner, authorizationv1.ResourceAttributes{
				Namespace: m.key.Namespace, Verb: rule.Verbs[0], Group: rule.APIGroups[0], Resource: rule.Resources[0], Name: name,
			}) {
				return fmt.Errorf("%s may not %s %s", planner, rule.Verbs[0], rule.Resources[0])
			}
			return nil
		})
	}
	before, after := map[string]any{"size": 2, "maxSize": 4}, map[string]any{"size": 3, "maxSize": 4}
	got := m.plan(connectAs(t, planner), before, after, true)
	if got.Change != resizeplan.ChangeGrow || got.Arriving == nil || got.Live == nil {
		t.Errorf("what may be read is not in the plan: %+v", got)
	}
	if !strings.Contains(got.AutoscalerUnknown, "forbidden") || got.Room.Fits != resizeplan.Unknown || !strings.Contains(got.Room.Because, "forbidden") {
		t.Errorf("autoscaler %q, room %+v: want why they are not known", got.AutoscalerUnknown, got.Room)
	}
	got = m.plan(connectAs(t, "stranger"), before, after, true)
	if got.Change != resizeplan.ChangeGrow || got.Live != nil || !strings.Contains(got.LiveUnknown, "forbidden") {
		t.Errorf("a stranger is told %+v", got)
	}
}

func TestPlanOfTheLeadsJobsSaysWhyThereIsNoAnswer(t *testing.T) {
	t.Parallel()
	m := create(t, api.MiniClusterSpec{Size: 2, MaxSize: 4, Flux: api.Flux{Enabled: ptr.To(true)}})
	m.waitForSize(2)
	for _, tt := range []struct{ user, want string }{
		{"", "asking the lead in pod " + name + "-0-"}, // no kubelet answers here
		{"stranger", "no permission to ask the lead: "},
	} {
		there := connectAs(t, "").Look(t.Context(), []resizeplan.Key{m.key}).MiniClusters[m.key]
		jobs := connectAs(t, tt.user).Jobs(t.Context(), there, idset.Of(1))
		if jobs.Count != nil || !strings.HasPrefix(jobs.Unknown, tt.want) {
			t.Errorf("as %q: %+v, want %q", tt.user, jobs, tt.want)
		}
	}
}

func TestConnectSaysWhatIsMissing(t *testing.T) {
	needWorld(t)
	content, err := os.ReadFile(world.kubeconfig)
	if err != nil {
		t.Fatal(err)
	}
	config, err := clientcmd.Load(content)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range config.Clusters {
		c.Server = "https://127.0.0.1:1"
	}
	unreachable, err := clientcmd.Write(*config)
	if err != nil {
		t.Fatal(err)
	}
	t.Setenv("KUBECONFIG", "/nonexistent")
	t.Setenv("HOME", t.TempDir())
	for kubeconfig, want := range map[string]string{
		string(unreachable): "the cluster does not answer: ",
		"nonsense":          "the stack's kubeconfig: ",
		"":                  "the stack has no output kubeconfig",
	} {
		if _, err := cluster.Connect(kubeconfig); err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("connected, or said %v, want %q", err, want)
		}
	}
}
