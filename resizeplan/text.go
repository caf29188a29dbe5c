package resizeplan

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"
	"time"
)

// WriteText writes the report for people: a table if there are several
// MiniClusters, then each of them in detail. It needs no colours: everything is in
// words.
func (r Report) WriteText(w io.Writer) error {
	t := &textWriter{}
	t.line("%s", r.headline())
	if len(r.MiniClusters) > 1 {
		t.line("")
		t.table(r.MiniClusters)
	}
	for _, m := range r.MiniClusters {
		t.line("")
		t.miniCluster(m)
	}
	t.findings("Refused by", r.Refusals)
	t.findings("Warning of", r.Warnings)
	if r.OtherChanges > 0 {
		t.line("")
		t.line("Other resources that change: %d (pulumi preview --diff shows them)", r.OtherChanges)
	}
	_, err := io.WriteString(w, t.String())
	return err
}

func (r Report) headline() string {
	changing := 0
	for _, m := range r.MiniClusters {
		if m.Change != ChangeNone {
			changing++
		}
	}
	switch {
	case r.Verdict == VerdictRefused:
		text := fmt.Sprintf("Stack %s: refused, and nothing would be changed", r.Stack)
		if slices.ContainsFunc(r.MiniClusters, func(m MiniCluster) bool { return m.Change != ChangeNone && m.Change != ChangeRefused }) {
			text += "; without the refusal these changes would follow"
		}
		return text
	case len(r.MiniClusters) == 0:
		return fmt.Sprintf("Stack %s: no MiniCluster is declared", r.Stack)
	case changing == 0:
		return fmt.Sprintf("Stack %s: no MiniCluster changes its size", r.Stack)
	}
	verb := "change"
	if changing == 1 {
		verb = "changes"
	}
	return fmt.Sprintf("Stack %s: %d of %s %s", r.Stack, changing, counted(len(r.MiniClusters), "MiniCluster"), verb)
}

type textWriter struct{ strings.Builder }

func (t *textWriter) line(format string, args ...any) { fmt.Fprintf(t, format+"\n", args...) }

func (t *textWriter) field(name, format string, args ...any) {
	t.line("  %-10s  %s", name, fmt.Sprintf(format, args...))
}

func (t *textWriter) table(all []MiniCluster) {
	table := tabwriter.NewWriter(t, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "MINICLUSTER\tDECLARED\tWISHED\tLIVE\tREADY\tAFTER\tCHANGE\tSCALED BY")
	for _, m := range all {
		live, ready := "-", "-"
		if m.Live != nil {
			live, ready = fmt.Sprint(m.Live.Size), fmt.Sprint(m.Live.Ready)
		} else if m.LiveUnknown != "" {
			live, ready = "?", "?"
		}
		fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\n",
			m.fullName(), number(m.DeclaredNow), number(m.DeclaredWished), live, ready, m.after(), m.Change, m.scaledBy())
	}
	table.Flush()
}

func (m MiniCluster) fullName() string {
	if m.Namespace == "" {
		return m.Name
	}
	return m.Namespace + "/" + m.Name
}

func (m MiniCluster) after() string {
	switch {
	case m.Change == ChangeDelete:
		return "-"
	case m.SizeAfter == nil:
		return "?"
	}
	return fmt.Sprint(*m.SizeAfter)
}

func (m MiniCluster) scaledBy() string {
	switch {
	case m.Autoscaler != nil:
		return m.Autoscaler.Name
	case m.QueueAutoscaler != nil:
		return "queue"
	case m.AutoscalerUnknown != "":
		return "?"
	}
	return "-"
}

func (t *textWriter) miniCluster(m MiniCluster) {
	t.line("%s: %s", m.fullName(), m.headline())
	for _, f := range m.Refusals {
		t.field("refused", "by the %s: %s", f.By, f.Message)
	}
	t.field("declared", "%s so far, %s wished", declared(m.DeclaredNow), declared(m.DeclaredWished))
	t.field("live", "%s", m.liveText())
	if m.Change != ChangeRefused {
		t.changes(m)
	}
	if m.Bounds != nil {
		t.field("bounds", "%s", m.Bounds)
	}
	if m.Change != ChangeDelete {
		t.field("scaled by", "%s", m.scalerText())
	}
	if m.Room != nil && m.Change != ChangeRefused {
		t.field("room", "%s", m.Room)
	}
	for _, note := range m.Notes {
		t.field("note", "%s", note)
	}
}

// headline says in a few words what happens.
func (m MiniCluster) headline() string {
	before := int32(0)
	if m.Live != nil {
		before = m.Live.Wished
	}
	switch m.Change {
	case ChangeNone:
		return "keeps its size"
	case ChangeCreate:
		return "comes, with " + counted(m.Arriving.Count, "rank")
	case ChangeGrow, ChangeShrink:
		verb := map[Change]string{ChangeGrow: "grows", ChangeShrink: "shrinks"}[m.Change]
		if m.Live == nil || m.SizeAfter == nil {
			return verb
		}
		return fmt.Sprintf("%s from %d to %s", verb, before, counted(int(*m.SizeAfter), "rank"))
	case ChangeRestart:
		return "restarts all ranks, and then has " + counted(m.Arriving.Count, "rank")
	case ChangeSleep:
		return "sleeps, without any rank"
	case ChangeWake:
		return "wakes up, with " + counted(m.Arriving.Count, "rank")
	case ChangeDelete:
		return "goes"
	case ChangeRefused:
		return "refused"
	}
	return "changes, and the effect is not known"
}

func (t *textWriter) changes(m MiniCluster) {
	if m.Arriving != nil {
		t.field("comes", "%s", m.Arriving.Set.Words())
	}
	if m.Leaving != nil {
		name := "goes"
		if m.Restart.AllRanks == Unknown {
			name = "may go"
		}
		t.field(name, "%s, %s", m.Leaving.Set.Words(), m.Leaving.manner())
		t.field("jobs", "%s", m.Leaving.Jobs)
		if m.Leaving.Queue != nil {
			t.field("queue", "%s", m.Leaving.Queue)
		}
	}
	switch m.Restart.AllRanks {
	case Yes:
		t.field("lead", "restarts, and all other ranks with it: %s", m.Restart.Because)
	case Unknown:
		t.field("lead", "cannot tell whether it restarts: %s", m.Restart.Because)
	case No:
		if m.Restart.Due != "" {
			t.field("lead", "goes on; a restart of all ranks is due, and waits until somebody asks for it: %s", m.Restart.Due)
			break
		}
		if m.Change == ChangeGrow || m.Change == ChangeShrink {
			t.field("lead", "goes on, and so do all ranks that stay")
		}
	}
}

func (l Leaving) manner() string {
	if l.DrainTimeoutSeconds == 0 {
		return "at once"
	}
	return fmt.Sprintf("when no job runs there, or after %s; no new job starts there", time.Duration(l.DrainTimeoutSeconds)*time.Second)
}

// String says how many jobs there are.
func (j Jobs) String() string {
	switch {
	case j.Count == nil:
		return "cannot tell: " + j.Unknown
	case j.WithoutFlux:
		return "none: the ranks run without Flux"
	case *j.Count == 0:
		return "none runs there now"
	}
	verb := "run"
	if *j.Count == 1 {
		verb = "runs"
	}
	text := fmt.Sprintf("%s %s on %s now", counted(*j.Count, "job"), verb, j.Busy.Words())
	if len(j.IDs) > 0 {
		text += " (" + strings.Join(j.IDs, ", ")
		if len(j.IDs) < *j.Count {
			text += ", …"
		}
		text += ")"
	}
	return text
}

func (m MiniCluster) liveText() string {
	switch {
	case m.LiveUnknown != "":
		return "cannot tell: " + m.LiveUnknown
	case m.Live == nil:
		return "none"
	}
	return fmt.Sprintf("%d wished, %s, %d ready, state %s", m.Live.Wished, counted(int(m.Live.Size), "rank"), m.Live.Ready, m.Live.State)
}

// String says which bounds there are, and which of them limits the size.
func (b *Bounds) String() string {
	text := fmt.Sprintf("%d to %d", b.Min, b.Max)
	if b.Binding == "" {
		return text + ", none binds"
	}
	return text + ", bound by " + b.Binding
}

func (m MiniCluster) scalerText() string {
	a := m.Autoscaler
	switch {
	case a == nil && m.QueueAutoscaler != nil:
		return m.QueueAutoscaler.String()
	case a == nil && m.AutoscalerUnknown != "":
		return "cannot tell: " + m.AutoscalerUnknown
	case a == nil:
		return "Pulumi, and whoever else sets the size; no HorizontalPodAutoscaler"
	}
	text := fmt.Sprintf("HorizontalPodAutoscaler %s, from %d to %s", a.Name, a.MinReplicas, counted(int(a.MaxReplicas), "rank"))
	if a.Wish != nil {
		text += fmt.Sprintf("; wishes %d now", *a.Wish)
	} else {
		text += "; has wished nothing yet"
	}
	if a.Limited != "" {
		text += ", limited: " + a.Limited
	}
	return text
}

// String says whether there is room.
func (r *Room) String() string {
	each := ""
	if r.OnePerNode {
		each = ", one per node"
	}
	switch {
	case r.Fits == Unknown:
		return "cannot tell: " + r.Because
	case r.Needed == 0:
		return "the nodes have room for " + counted(r.Available, "more rank") + each
	case r.Fits == No:
		return fmt.Sprintf("too little: %s to place, and the nodes have room for %d%s; the others stay pending", counted(r.Needed, "rank"), r.Available, each)
	}
	return fmt.Sprintf("enough: %s to place, and the nodes have room for %d%s", counted(r.Needed, "rank"), r.Available, each)
}

func (t *textWriter) findings(title string, all []Finding) {
	if len(all) == 0 {
		return
	}
	t.line("")
	for _, f := range all {
		t.line("%s the %s: %s", title, f.By, strings.ReplaceAll(f.Message, "\n", "\n  "))
	}
}

func declared(size *int32) string {
	if size == nil {
		return "none"
	}
	return "size " + fmt.Sprint(*size)
}

func number(n *int32) string {
	if n == nil {
		return "-"
	}
	return fmt.Sprint(*n)
}

func counted(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}
