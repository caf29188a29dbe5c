package resizeplan_test

import (
	"strings"
	"testing"

	"github.com/gopherlocks/gopherlocks/operator/idset"
	"github.com/gopherlocks/gopherlocks/resizeplan"
)

func set(r *resizeplan.Ranks) string {
	if r == nil {
		return ""
	}
	return r.Set.String()
}

func leaving(m resizeplan.MiniCluster) string {
	if m.Leaving == nil {
		return ""
	}
	return m.Leaving.Set.String()
}

func TestMakeSaysWhatHappensToTheRanks(t *testing.T) {
	fluxOf3 := func(t *testing.T) *scenario { return newScenario(t, "sample", 3, 1, 5, true) }
	tests := []struct {
		name     string
		scenario func(*testing.T) *scenario
		change   resizeplan.Change
		after    int32
		arriving string
		leaving  string
		timeout  int64
		restart  resizeplan.Answer
		binding  string
	}{
		{"unchanged", fluxOf3, resizeplan.ChangeNone, 3, "", "", 0, resizeplan.No, ""},
		{"grow", func(t *testing.T) *scenario {
			return fluxOf3(t).update(map[string]any{"size": 5.0}, "spec.size")
		}, resizeplan.ChangeGrow, 5, "3-4", "", 0, resizeplan.No, "maxSize 5"},
		{"shrink", func(t *testing.T) *scenario {
			return fluxOf3(t).update(map[string]any{"size": 1.0}, "spec.size")
		}, resizeplan.ChangeShrink, 1, "", "1-2", 3600, resizeplan.No, "minSize 1"},
		{"shrink without Flux", func(t *testing.T) *scenario {
			return newScenario(t, "plain", 3, 1, 5, false).update(map[string]any{"size": 2.0}, "spec.size")
		}, resizeplan.ChangeShrink, 2, "", "2", 0, resizeplan.No, ""},
		{"another maximum", func(t *testing.T) *scenario {
			return fluxOf3(t).update(map[string]any{"maxSize": 2000.0}, "spec.maxSize")
		}, resizeplan.ChangeRestart, 3, "0-2", "0-2", 3600, resizeplan.Yes, ""},
		{"another maximum and a smaller size", func(t *testing.T) *scenario {
			return fluxOf3(t).update(map[string]any{"maxSize": 2000.0, "size": 2.0}, "spec.maxSize", "spec.size")
		}, resizeplan.ChangeRestart, 2, "0-1", "0-2", 3600, resizeplan.Yes, ""},
		{"a restart in a hurry", func(t *testing.T) *scenario {
			return fluxOf3(t).update(map[string]any{"maxSize": 2000.0, "restart": map[string]any{"policy": "AtOnce"}}, "spec.maxSize", "spec.restart.policy")
		}, resizeplan.ChangeRestart, 3, "0-2", "0-2", 0, resizeplan.Yes, ""},
		{"a restart when asked", func(t *testing.T) *scenario {
			return fluxOf3(t).update(map[string]any{"maxSize": 2000.0, "restart": map[string]any{"policy": "OnRequest"}}, "spec.maxSize", "spec.restart.policy")
		}, resizeplan.ChangeNone, 3, "", "", 0, resizeplan.No, ""},
		{"sleep", func(t *testing.T) *scenario {
			return fluxOf3(t).update(map[string]any{"suspend": true, "restart": map[string]any{"drainTimeoutSeconds": 60.0}}, "spec.suspend")
		}, resizeplan.ChangeSleep, 0, "", "0-2", 60, resizeplan.No, ""},
		{"wake, at another size", func(t *testing.T) *scenario {
			s := fluxOf3(t)
			s.there.MiniCluster.Spec.Suspend = true
			s.there.Job, s.there.Pods = nil, nil
			return s.update(map[string]any{"size": 4.0, "suspend": false}, "spec.size", "spec.suspend")
		}, resizeplan.ChangeWake, 4, "0-3", "", 0, resizeplan.No, ""},
		{"asleep", func(t *testing.T) *scenario {
			s := fluxOf3(t)
			s.there.MiniCluster.Spec.Suspend = true
			s.there.Job, s.there.Pods = nil, nil
			return s.update(map[string]any{"suspend": true}, "metadata.annotations.note")
		}, resizeplan.ChangeNone, 0, "", "", 0, resizeplan.No, ""},
		{"annotations only", func(t *testing.T) *scenario {
			return fluxOf3(t).update(nil, "metadata.annotations.note")
		}, resizeplan.ChangeNone, 3, "", "", 0, resizeplan.No, ""},
		{"annotations only, and no answer", func(t *testing.T) *scenario {
			return fluxOf3(t).update(nil, "metadata.annotations.note").unanswered()
		}, resizeplan.ChangeNone, 3, "", "", 0, resizeplan.No, ""},
		{"grow, and no answer", func(t *testing.T) *scenario {
			return fluxOf3(t).update(map[string]any{"size": 4.0}, "spec.size").unanswered()
		}, resizeplan.ChangeGrow, 4, "3", "", 0, resizeplan.No, ""},
		{"an image that is known only during the update", func(t *testing.T) *scenario {
			s := fluxOf3(t).update(nil, "spec.containers[0].image").unanswered()
			spec := s.declared.After["spec"].(map[string]any)
			spec["containers"].([]any)[0].(map[string]any)["image"] = resizeplan.NotKnown{}
			return s
		}, resizeplan.ChangeUnknown, 3, "", "0-2", 0, resizeplan.Unknown, ""},
		{"replaced", func(t *testing.T) *scenario {
			s := fluxOf3(t).update(nil, "metadata.name")
			s.declared.Operation = resizeplan.Replace
			return s
		}, resizeplan.ChangeRestart, 3, "0-2", "0-2", 0, resizeplan.Yes, ""},
		{"created", func(t *testing.T) *scenario {
			s := fluxOf3(t)
			s.declared.Operation, s.declared.Before = resizeplan.Create, nil
			s.there = resizeplan.LiveMiniCluster{}
			return s
		}, resizeplan.ChangeCreate, 3, "0-2", "", 0, resizeplan.No, ""},
		{"somebody has scaled, and Pulumi leaves it", func(t *testing.T) *scenario {
			s := fluxOf3(t)
			s.there.MiniCluster.Spec.Size = 5
			return s
		}, resizeplan.ChangeNone, 5, "", "", 0, resizeplan.No, "maxSize 5"},
		{"the operator is on its way", func(t *testing.T) *scenario {
			s := fluxOf3(t)
			s.there.MiniCluster.Spec.Size = 2
			return s
		}, resizeplan.ChangeNone, 2, "", "", 0, resizeplan.No, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			m := tt.scenario(t).only()
			if m.Change != tt.change || m.SizeAfter == nil || *m.SizeAfter != tt.after || m.Restart.AllRanks != tt.restart {
				t.Errorf("%s to %v, restart %+v; want %s to %d, restart %s", m.Change, m.SizeAfter, m.Restart, tt.change, tt.after, tt.restart)
			}
			if set(m.Arriving) != tt.arriving || leaving(m) != tt.leaving {
				t.Errorf("comes %q, goes %q; want %q, %q", set(m.Arriving), leaving(m), tt.arriving, tt.leaving)
			}
			if m.Leaving != nil && m.Leaving.DrainTimeoutSeconds != tt.timeout {
				t.Errorf("drain timeout %d s, want %d", m.Leaving.DrainTimeoutSeconds, tt.timeout)
			}
			if m.Bounds.Binding != tt.binding {
				t.Errorf("bound by %q, want %q", m.Bounds.Binding, tt.binding)
			}
		})
	}
}

func TestDeletedMiniClusterLosesAllRanks(t *testing.T) {
	s := newScenario(t, "sample", 3, 1, 5, true)
	s.declared.Operation, s.declared.After = resizeplan.Delete, nil
	m := s.only()
	if m.Change != resizeplan.ChangeDelete || leaving(m) != "0-2" || m.Leaving.DrainTimeoutSeconds != 0 || m.SizeAfter != nil {
		t.Errorf("%+v", m)
	}
}

func TestVerdictAndExitCode(t *testing.T) {
	grow := func() *scenario {
		return newScenario(t, "sample", 3, 1, 5, true).update(map[string]any{"size": 4.0}, "spec.size")
	}
	refused := grow()
	refused.preview.Refusals = []resizeplan.Finding{resizeplan.NewFinding("urn:sample", "policy size", "too large")}
	ofComponent := grow()
	ofComponent.declared.Component = "urn:component"
	ofComponent.preview.Refusals = []resizeplan.Finding{resizeplan.NewFinding("urn:component", "policy size", "too large")}
	elsewhere := grow()
	elsewhere.preview.Refusals = []resizeplan.Finding{resizeplan.NewFinding("urn:other", "policy image", "no")}
	warned := newScenario(t, "sample", 3, 1, 5, true)
	warned.preview.Warnings = refused.preview.Refusals
	for _, tt := range []struct {
		name     string
		scenario *scenario
		verdict  resizeplan.Verdict
		code     int
	}{
		{"unchanged", newScenario(t, "sample", 3, 1, 5, true), resizeplan.VerdictUnchanged, 0},
		{"grow", grow(), resizeplan.VerdictResize, 2},
		{"refused", refused, resizeplan.VerdictRefused, 1},
		{"refused as a component", ofComponent, resizeplan.VerdictRefused, 1},
		{"refused elsewhere", elsewhere, resizeplan.VerdictRefused, 1},
		{"warned", warned, resizeplan.VerdictUnchanged, 0},
	} {
		r := report(tt.scenario)
		if r.Verdict != tt.verdict || r.Verdict.ExitCode() != tt.code {
			t.Errorf("%s: %s, exit code %d; want %s, %d", tt.name, r.Verdict, r.Verdict.ExitCode(), tt.verdict, tt.code)
		}
		if ofMiniCluster := len(r.MiniClusters[0].Refusals) == 1; ofMiniCluster != (tt.scenario == refused || tt.scenario == ofComponent) {
			t.Errorf("%s: refusals of the MiniCluster: %+v", tt.name, r.MiniClusters[0].Refusals)
		}
		if ofStack := len(r.Refusals) == 1; ofStack != (tt.scenario == elsewhere) {
			t.Errorf("%s: refusals of the stack: %+v", tt.name, r.Refusals)
		}
	}
}

func TestAutoscalerOwnsTheSize(t *testing.T) {
	scaled := func(size int32) *scenario {
		s := newScenario(t, "sample", 3, 2, 5, false).autoscaler(2, 4, size)
		s.there.MiniCluster.Spec.Size = size
		return s
	}
	restarting := scaled(4).update(map[string]any{"deadlineSeconds": 9.0}, "spec.deadlineSeconds").unanswered()
	tightened := scaled(4)
	tightened.preview.Autoscalers[0].Operation = resizeplan.Update
	tightened.preview.Autoscalers[0].After["spec"].(map[string]any)["maxReplicas"] = 3.0
	tightened.there = newScenario(t, "sample", 4, 2, 5, false).there
	wide := scaled(3)
	wide.preview.Autoscalers[0].After["spec"].(map[string]any)["maxReplicas"] = 9.0
	released := scaled(3)
	released.preview.Autoscalers[0].Operation = resizeplan.Delete
	making := scaled(3)
	making.declared.Component, making.preview.Autoscalers[0].Component = "urn:component", "urn:component"
	making.preview.Autoscalers[0].Namespace = "" // the namespace is made by the same update
	elsewhere := scaled(3)
	elsewhere.preview.Autoscalers[0].Namespace, elsewhere.there.Autoscalers = "elsewhere", nil
	foreign := scaled(3)
	foreign.preview.Autoscalers = nil
	for _, tt := range []struct {
		name     string
		scenario *scenario
		change   resizeplan.Change
		after    int32
		maximum  int32 // of the autoscaler; 0 for none
		note     string
	}{
		{"its size is not the declared one", scaled(4), resizeplan.ChangeNone, 4, 4, ""},
		{"its size is kept where the API server has not answered", restarting, resizeplan.ChangeRestart, 4, 4, ""},
		{"a smaller range moves the size", tightened, resizeplan.ChangeShrink, 3, 3, "brings size 4 to 3"},
		{"a range beyond the bounds", wide, resizeplan.ChangeNone, 3, 9, "maxReplicas 9 must be at most maxSize 5"},
		{"one that goes scales no more", released, resizeplan.ChangeNone, 3, 0, ""},
		{"one whose namespace is not known yet", making, resizeplan.ChangeNone, 3, 4, ""},
		{"one of another namespace", elsewhere, resizeplan.ChangeNone, 3, 0, ""},
		{"one that is not Pulumi's", foreign, resizeplan.ChangeNone, 3, 4, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			m := tt.scenario.only()
			var maximum int32
			if m.Autoscaler != nil {
				maximum = m.Autoscaler.MaxReplicas
			}
			if m.Change != tt.change || *m.SizeAfter != tt.after || maximum != tt.maximum {
				t.Errorf("%s to %d, autoscaler %+v; want %s to %d, maximum %d", m.Change, *m.SizeAfter, m.Autoscaler, tt.change, tt.after, tt.maximum)
			}
			if notes := strings.Join(m.Notes, "\n"); !strings.Contains(notes, tt.note) || tt.note == "" && notes != "" {
				t.Errorf("notes %q, want %q", notes, tt.note)
			}
		})
	}
}

func TestSizeBeyondTheBoundsIsHeldThere(t *testing.T) {
	m := newScenario(t, "sample", 3, 1, 5, true).update(map[string]any{"size": 9.0}, "spec.size").only()
	if *m.SizeAfter != 5 || m.Bounds.Binding != "maxSize 5" || len(m.Notes) != 1 || !strings.Contains(m.Notes[0], "size 9 must be at most maxSize 5") {
		t.Errorf("to %d, bound by %q, notes %q", *m.SizeAfter, m.Bounds.Binding, m.Notes)
	}
}

func TestRefusedMiniClusterStaysAsItIs(t *testing.T) {
	s := newScenario(t, "sample", 3, 1, 5, true).update(map[string]any{"size": 5.0, "maxSize": 2000.0}, "spec.size", "spec.maxSize")
	s.preview.Refusals = []resizeplan.Finding{resizeplan.NewFinding("urn:sample", "policy size", "too large")}
	if m := s.only(); m.Change != resizeplan.ChangeRefused || *m.SizeAfter != 3 || m.Arriving != nil || m.Leaving != nil || m.Restart.AllRanks != resizeplan.No {
		t.Errorf("%+v", m)
	}
}

func TestMiniClusterThatSomebodyDeleted(t *testing.T) {
	s := newScenario(t, "sample", 3, 1, 5, true)
	s.there = resizeplan.LiveMiniCluster{}
	if m := s.only(); m.Change != resizeplan.ChangeNone || len(m.Notes) != 1 || !strings.Contains(m.Notes[0], "not in the cluster") {
		t.Errorf("Pulumi does not notice: %+v", m)
	}
	s.declared.Operation = resizeplan.Update // with another change it is applied anew
	if m := s.only(); m.Change != resizeplan.ChangeCreate || set(m.Arriving) != "0-2" {
		t.Errorf("%+v", m)
	}
}

func TestSizeThatSomebodySet(t *testing.T) {
	scaled := func() *scenario {
		s := newScenario(t, "sample", 3, 1, 5, true)
		s.there.MiniCluster.Spec.Size = 4
		s.there = newLive(t, s)
		return s
	}
	otherImage := scaled().update(nil, "spec.containers[0].image").unanswered()
	otherImage.declared.After["spec"].(map[string]any)["containers"].([]any)[0].(map[string]any)["image"] = "workload:2"
	told := scaled()
	told.declared.Component = "urn:component"
	told.preview.Notices = []resizeplan.Finding{
		resizeplan.NewFinding("urn:component", "program", "the next change takes it back"),
		resizeplan.NewFinding("urn:other", "program", "something else"),
	}
	growing := newScenario(t, "sample", 3, 1, 5, true).update(map[string]any{"size": 5.0}, "spec.size")
	growing.preview.Notices = []resizeplan.Finding{resizeplan.NewFinding("urn:sample", "program", "it goes from 3 to 5")}
	for _, tt := range []struct {
		name     string
		scenario *scenario
		after    int32
		note     string
	}{
		{"a change, which the program tells of too", growing, 5, ""},
		{"unchanged", scaled(), 4, "the stack declares size 3, and 4 is set"},
		{"unchanged, and the program knows more", told, 4, "the next change takes it back"},
		{"another image, and no answer", otherImage, 4, ""},
		{"another image, and Pulumi takes the size back", scaled().update(map[string]any{"size": 3.0}, "spec.containers[0].image"), 3, ""},
		{"another size, and no answer", scaled().update(map[string]any{"size": 5.0}, "spec.size").unanswered(), 5, ""},
		{"an autoscaler", scaled().autoscaler(2, 5, 4), 4, ""},
		{"a raised minSize, and nobody's size", newScenario(t, "sample", 3, 1, 5, true).update(map[string]any{"minSize": 4.0}, "spec.minSize"), 4, "the operator runs minSize 4 instead of size 3, which is below it"},
		{"a raised minSize, and an autoscaler", newScenario(t, "sample", 3, 1, 5, true).autoscaler(4, 5, 3).update(map[string]any{"minSize": 4.0}, "spec.minSize"), 4, "brings size 3 to 4, into its range"},
	} {
		m := tt.scenario.only()
		if *m.SizeAfter != tt.after {
			t.Errorf("%s: it becomes %d, want %d", tt.name, *m.SizeAfter, tt.after)
		}
		if len(m.Notes) > 1 || !strings.Contains(strings.Join(m.Notes, ""), tt.note) || tt.note == "" && len(m.Notes) > 0 {
			t.Errorf("%s: notes %q, want %q", tt.name, m.Notes, tt.note)
		}
	}
}

func TestJobsOnRanksThatGo(t *testing.T) {
	two := 2
	tests := []struct {
		name  string
		flux  bool
		jobs  *resizeplan.Jobs
		count int // -1: not known
	}{
		{"asked", true, &resizeplan.Jobs{Count: &two, Busy: idset.Of(1), IDs: []string{"ƒ1", "ƒ2"}}, 2},
		{"not asked", true, nil, -1},
		{"without Flux", false, nil, 0},
	}
	for _, tt := range tests {
		s := newScenario(t, "sample", 3, 1, 5, tt.flux).update(map[string]any{"size": 1.0}, "spec.size")
		s.there.Jobs = tt.jobs
		jobs := s.only().Leaving.Jobs
		if known := jobs.Count != nil; known != (tt.count >= 0) || known && *jobs.Count != tt.count || known == (jobs.Unknown != "") {
			t.Errorf("%s: %+v, want %d", tt.name, jobs, tt.count)
		}
	}
}

// TestQueueOfALeadThatGoes: a shrink keeps the lead, and with it the queue.
func TestQueueOfALeadThatGoes(t *testing.T) {
	three, none := 3, 0
	running := resizeplan.Jobs{Count: &none}
	state := func(dir string) func(map[string]any) {
		return func(spec map[string]any) { spec["flux"].(map[string]any)["stateDir"] = dir }
	}
	archive := func(spec map[string]any) { spec["archive"] = map[string]any{"path": "/archive/a.tgz"} }
	for name, c := range map[string]struct {
		spec []func(map[string]any)
		jobs resizeplan.Jobs
		want string
	}{
		"lost":              {nil, running.WithPending(&three), "3 jobs are pending now, and are lost without flux.stateDir"},
		"kept":              {[]func(map[string]any){state("/state")}, running.WithPending(&three), "3 jobs are pending now, and are kept by flux.stateDir"},
		"archived":          {[]func(map[string]any){archive}, running.WithPending(&three), "3 jobs are pending now, and are kept by archive.path"},
		"none":              {nil, running.WithPending(&none), "no job is pending now"},
		"an older agent":    {nil, running, "pending jobs are lost without flux.stateDir; cannot tell how many: the agent in the pods is of an earlier version"},
		"nobody may ask it": {nil, resizeplan.Jobs{Unknown: "no permission"}, "pending jobs are lost without flux.stateDir; cannot tell how many: no permission"},
	} {
		t.Run(name, func(t *testing.T) {
			of := func() *scenario {
				s := newScenario(t, "sample", 3, 1, 5, true, c.spec...)
				s.there.Jobs = &c.jobs
				return s
			}
			going := of()
			going.declared.Operation, going.declared.After = resizeplan.Delete, nil
			for what, s := range map[string]*scenario{"restart": of().update(map[string]any{"maxSize": 2000.0}, "spec.maxSize"), "delete": going} {
				if m := s.only(); m.Leaving == nil || m.Leaving.Queue == nil || m.Leaving.Queue.String() != c.want {
					t.Errorf("%s: %+v, want %s", what, m.Leaving, c.want)
				}
			}
			if m := of().update(map[string]any{"size": 1.0}, "spec.size").only(); m.Leaving == nil || m.Leaving.Queue != nil {
				t.Errorf("shrink: %+v, want no queue", m.Leaving)
			}
		})
	}
	moved := newScenario(t, "sample", 3, 1, 5, true, state("/state"))
	moved.update(map[string]any{"flux": map[string]any{"enabled": true, "stateDir": "/elsewhere"}}, "spec.flux.stateDir")
	if m := moved.only(); m.Leaving == nil || m.Leaving.Queue == nil || m.Leaving.Queue.KeptBy != "" {
		t.Errorf("another folder: %+v, want what is in the first one lost", m.Leaving)
	}
	without := newScenario(t, "sample", 3, 1, 5, false).update(map[string]any{"deadlineSeconds": 9.0}, "spec.deadlineSeconds")
	if m := without.only(); m.Leaving == nil || m.Leaving.Queue != nil {
		t.Errorf("without Flux: %+v, want no queue", m.Leaving)
	}
}

func TestWhatCannotBeReadIsUnknown(t *testing.T) {
	unreachable := newScenario(t, "sample", 3, 1, 5, true).update(map[string]any{"size": 4.0}, "spec.size")
	unreachable.live.Unknown = "connection refused"
	forbidden := newScenario(t, "sample", 3, 1, 5, true).update(map[string]any{"size": 4.0}, "spec.size")
	forbidden.there = resizeplan.LiveMiniCluster{Unknown: "forbidden"}
	for name, s := range map[string]*scenario{"connection refused": unreachable, "forbidden": forbidden} {
		m := s.only()
		if m.Change != resizeplan.ChangeGrow || m.LiveUnknown != name || m.Live != nil || m.SizeAfter != nil || m.Restart.AllRanks != resizeplan.Unknown {
			t.Errorf("%s: %+v", name, m)
		}
	}
	s := newScenario(t, "sample", 3, 1, 5, true)
	s.live.Unknown = "connection refused"
	if m := s.only(); m.Change != resizeplan.ChangeNone || m.Restart.AllRanks != resizeplan.No {
		t.Errorf("what Pulumi leaves alone stays, reachable or not: %+v", m)
	}
}

func TestSizeThatIsKnownOnlyDuringTheUpdate(t *testing.T) {
	s := newScenario(t, "sample", 3, 1, 5, true).update(nil, "spec.size").unanswered()
	s.declared.After["spec"].(map[string]any)["size"] = resizeplan.NotKnown{}
	if m := s.only(); m.Change != resizeplan.ChangeUnknown || m.SizeAfter != nil || m.Restart.AllRanks != resizeplan.Unknown {
		t.Errorf("%+v", m)
	}
}

// certificate holds a pair of keys that libzmq made, from its page zmq_curve(7).
const certificate = `curve
    public-key = "Yne@$w-vo<fVvi]a<NY6T1ed:M$fCG*[IaLV{hID"
    secret-key = "D:)Q[IlAW!ahhC2ac:9*A}h:p?([4%wOTJ%JR%cs"
`

func TestSecretsAreUnchangedUnlessPulumiSaysSo(t *testing.T) {
	for changed, want := range map[string]resizeplan.Answer{"spec.size": resizeplan.No, "spec.flux.curveCert": resizeplan.Unknown} {
		s := newScenario(t, "sample", 3, 1, 5, true)
		s.there.MiniCluster.Spec.Flux.CurveCert = certificate
		s.there = newLive(t, s)
		s.update(map[string]any{"size": 4.0}, "spec.size", changed)
		s.declared.Result["spec"].(map[string]any)["flux"].(map[string]any)["curveCert"] = resizeplan.Secret{}
		if m := s.only(); m.Restart.AllRanks != want || *m.SizeAfter != 4 {
			t.Errorf("changed %s: restart %+v, want %s", changed, m.Restart, want)
		}
	}
}

func TestOperatorsProblemRefusesAChange(t *testing.T) {
	s := newScenario(t, "sample", 3, 1, 5, true)
	s.there.Job.OwnerReferences, s.there.Job.Labels = nil, nil
	if r := report(s); r.Verdict != resizeplan.VerdictUnchanged || len(r.MiniClusters[0].Notes) != 1 {
		t.Errorf("what was in the way before is no refusal: %+v", r)
	}
	s.update(map[string]any{"size": 4.0}, "spec.size")
	if r := report(s); r.Verdict != resizeplan.VerdictRefused || r.MiniClusters[0].Refusals[0].By != "operator" {
		t.Errorf("%+v", r)
	}
}
