package preflight

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/gopherlocks/gopherlocks/declared"
	"github.com/gopherlocks/gopherlocks/operator/kubeversion"
)

// Reason says in a word what a problem is.
type Reason string

// Reasons of problems.
const (
	ReasonKubernetesTooOld    Reason = "KubernetesTooOld"
	ReasonForbidden           Reason = "Forbidden"
	ReasonFluxOperatorRuns    Reason = "FluxOperatorRuns"
	ReasonForeignDefinition   Reason = "ForeignDefinition"
	ReasonStoredVersion       Reason = "StoredVersion"
	ReasonOtherStack          Reason = "OtherStack"
	ReasonOperatorExists      Reason = "OperatorExists"
	ReasonObjectExists        Reason = "ObjectExists"
	ReasonMetricsServerExists Reason = "MetricsServerExists"
	ReasonCustomMetricsExist  Reason = "CustomMetricsExist"
	ReasonPullSecretMissing   Reason = "PullSecretMissing"
)

// Problem is why an update cannot work as things are.
type Problem struct {
	Reason Reason
	// Message says what was found, and what to do next.
	Message string
}

// Verdict is what follows from Desired and Facts.
type Verdict struct {
	Problems []Problem
	// Notices tell the user what is left alone, one line each.
	Notices []string
	// InstallMetricsServer says whether the stack installs metrics-server. If not,
	// MetricsServedBy says who serves metrics instead, and is empty if nobody does.
	InstallMetricsServer bool
	MetricsServedBy      string
	// ClusterID is as in the facts.
	ClusterID string
	// Needs are the permissions to ask for.
	Needs []Need

	kept map[declared.Resource][]string
}

// Keeps says that an object without a namespace was there before: it stays when the
// stack goes.
func (v Verdict) Keeps(resource declared.Resource, name string) bool {
	return slices.Contains(v.kept[resource], name)
}

// Err is all problems as one error, nil if there are none. where names the cluster.
func (v Verdict) Err(where string) error {
	if len(v.Problems) == 0 {
		return nil
	}
	lines := []string{where + " cannot take this stack, so nothing was changed:"}
	for _, p := range v.Problems {
		lines = append(lines, fmt.Sprintf("  %s (%s)", p.Message, p.Reason))
	}
	return errors.New(strings.Join(lines, "\n"))
}

// Judge decides. It returns all problems, not only the first.
func Judge(want Desired, f Facts) Verdict {
	v := Verdict{ClusterID: f.ClusterID, kept: map[declared.Resource][]string{}}
	for _, check := range []func(Desired, Facts) []Problem{
		checkVersion, checkFluxOperators, checkDefinition, checkStack, checkMetricsServer, checkCustomMetrics, checkPullSecrets,
	} {
		v.Problems = append(v.Problems, check(want, f)...)
	}
	v.InstallMetricsServer = installsMetricsServer(want, f)
	if !v.InstallMetricsServer && f.MetricsAPI != nil {
		v.MetricsServedBy = f.MetricsAPI.servedBy()
	}
	for name, namespace := range f.Namespaces {
		if namespace.Stack != want.Stack && slices.Contains(want.namespaces(), name) {
			v.kept[declared.Namespaces] = append(v.kept[declared.Namespaces], name)
		}
	}
	if f.Definition != nil {
		v.kept[declared.Definitions] = []string{DefinitionName}
	}
	v.Notices = notices(want, f, v)
	objects := want.Objects
	if v.InstallMetricsServer {
		objects = slices.Concat(objects, want.MetricsServer)
	}
	v.Problems = append(v.Problems, checkObjects(want, f, objects)...)
	v.Needs = needs(objects, func(o declared.Object) bool { return o.Namespace == "" && v.Keeps(o.Resource, o.Name) })
	// It identifies the cluster. If Pulumi took it for another one, it would
	// replace all that the stack has there.
	v.Needs = distinct(append(v.Needs, Need{Permission: Permission{
		Verb: "get", Resource: declared.Namespaces, Namespace: SystemNamespace, Name: SystemNamespace,
	}}))
	return v
}

func checkVersion(_ Desired, f Facts) []Problem {
	if err := kubeversion.Check(f.Version); err != nil {
		return []Problem{{ReasonKubernetesTooOld, err.Error()}}
	}
	return nil
}

// checkFluxOperators refuses to work beside a running Flux Operator, even to take
// its MiniClusters over: both operators would act on them.
func checkFluxOperators(want Desired, f Facts) (found []Problem) {
	for _, d := range f.FluxOperators {
		if d.Replicas > 0 {
			found = append(found, Problem{ReasonFluxOperatorRuns, fmt.Sprintf(
				"Deployment %s is the Flux Operator (image %s) and runs: it would act on the same MiniClusters. "+
					"Stop it, which leaves its MiniClusters running: kubectl scale deployment -n %s %s --replicas=0",
				d.NamespacedName, d.Image, d.Namespace, d.Name)})
		}
	}
	if f.FluxOperatorsUnknown != "" && want.TakeOver && f.Definition != nil && !f.Definition.Ours {
		found = append(found, Problem{ReasonFluxOperatorRuns, fmt.Sprintf(
			"cannot tell whether the Flux Operator still runs, and its definition is to be taken over: %s", f.FluxOperatorsUnknown)})
	}
	return found
}

// checkDefinition protects somebody else's definition of MiniClusters, and with it
// their MiniClusters.
func checkDefinition(want Desired, f Facts) (found []Problem) {
	d := f.Definition
	if d == nil {
		return nil
	}
	if !d.Ours && !want.TakeOver {
		return []Problem{{ReasonForeignDefinition, fmt.Sprintf(
			"CustomResourceDefinition %s, with %s, is not Gopherlocks' but seems to be the Flux Operator's. Either keep the "+
				"MiniClusters and let our operator run them: pulumi config set takeOverCRD true; or delete them all with it: "+
				"kubectl delete crd %s. See docs/existing-clusters.md", DefinitionName, d.count(), DefinitionName)}}
	}
	for _, version := range d.Stored {
		if !slices.Contains(want.Served, version) {
			found = append(found, Problem{ReasonStoredVersion, fmt.Sprintf(
				"CustomResourceDefinition %s says in status.storedVersions that objects may be stored as %s, which Gopherlocks does not "+
					"serve (it serves %s). Write each MiniCluster anew (kubectl get miniclusters -A -o json | kubectl replace -f -), then take "+
					"%s out: kubectl edit crd %s --subresource=status",
				DefinitionName, version, strings.Join(want.Served, ", "), version, DefinitionName)})
		}
	}
	return found
}

func (d Definition) count() string {
	switch d.MiniClusters {
	case -1:
		return "an unknown number of MiniClusters"
	case 1:
		return "1 MiniCluster"
	default:
		return fmt.Sprintf("%d MiniClusters", d.MiniClusters)
	}
}

// checkStack refuses to install a second operator: a cluster has one.
func checkStack(want Desired, f Facts) []Problem {
	switch {
	case f.Operator == nil || f.Operator.Stack == want.Stack:
		return nil
	case f.Operator.Stack == "":
		return []Problem{{ReasonOperatorExists, "the operator is there already and bears no stack's name, and a cluster has one operator. Declare " +
			"these MiniClusters by the component MiniCluster alone (docs/components.md), or if it is to be this stack's, hand it over: " +
			"docs/existing-clusters.md#what-was-there-before-stays"}}
	}
	return []Problem{{ReasonOtherStack, fmt.Sprintf(
		"the operator there belongs to the stack %s, and a cluster has one operator. Let that stack have these MiniClusters too, "+
			"declare them by the component MiniCluster alone (docs/components.md), or if %s has become %s, hand over what it made: "+
			"docs/existing-clusters.md#another-name-for-the-stack", f.Operator.Stack, f.Operator.Stack, want.Stack)}}
}

// checkObjects refuses to take what somebody else has made.
func checkObjects(want Desired, f Facts, objects []declared.Object) (found []Problem) {
	for _, o := range objects {
		owner, there := f.Objects[o.ID()]
		if !o.Exclusive || !there || owner.Stack == want.Stack || want.replaces(o, owner) {
			continue
		}
		whose := "bears no stack's name"
		if owner.Stack != "" {
			whose = "is of the stack " + owner.Stack
		}
		kind := Permission{Resource: o.Resource}.what()
		name, in, remedy := o.Name, "", "Remove it"
		if o.Namespace != "" {
			name, in, remedy = o.Namespace+"/"+o.Name, "-n "+o.Namespace+" ", "Take another name, remove it"
		}
		found = append(found, Problem{ReasonObjectExists, fmt.Sprintf(
			"%s %s is there already and %s: an update would change it, and pulumi destroy delete it. %s, or "+
				"let this stack have it: kubectl annotate --overwrite %s%s %s %s=%s",
			kind, name, whose, remedy, in, kind, o.Name, declared.AnnotationStack, want.Stack)})
	}
	return found
}

func checkPullSecrets(_ Desired, f Facts) (found []Problem) {
	for _, s := range f.SecretsMissing {
		found = append(found, Problem{ReasonPullSecretMissing, fmt.Sprintf(
			"imagePullSecret %q is not in namespace %s. Make it: kubectl create secret docker-registry -n %s %s "+
				"--docker-server=… --docker-username=… --docker-password=…; or have the stack make it: set registryCredentials",
			s.Name, s.Namespace, s.Namespace, s.Name)})
	}
	return found
}

func notices(want Desired, f Facts, v Verdict) (lines []string) {
	switch {
	case v.InstallMetricsServer:
	case v.MetricsServedBy != "":
		line := fmt.Sprintf("metrics-server is left alone: %s serves %s", v.MetricsServedBy, declared.MetricsAPIName)
		if f.MetricsAPI.Unavailable != "" && want.Autoscales {
			line += ", which does not answer, so that autoscalers cannot work: " + f.MetricsAPI.Unavailable
		}
		lines = append(lines, line)
	case want.Autoscales:
		lines = append(lines, fmt.Sprintf("metricsServer is %s and nobody serves %s: autoscalers cannot work", MetricsSkip, declared.MetricsAPIName))
	}
	if f.Definition != nil && !f.Definition.Ours && want.TakeOver {
		lines = append(lines, fmt.Sprintf("takes over %s with %s: those that run are started anew by the operator",
			DefinitionName, f.Definition.count()))
	}
	if f.Definition != nil && f.Definition.HelmRelease.Name != "" && (f.Definition.Ours || want.TakeOver) {
		release := f.Definition.HelmRelease
		lines = append(lines, fmt.Sprintf("%s belongs to Helm's release %s: helm uninstall would delete it with all MiniClusters. Have Helm "+
			"forget the release instead: kubectl delete secret -n %s -l owner=helm,name=%s", DefinitionName, release, release.Namespace, release.Name))
	}
	for _, secret := range want.PullSecrets {
		if _, there := f.Namespaces[secret.Namespace]; !there {
			lines = append(lines, fmt.Sprintf("namespace %s is not there yet, so imagePullSecret %q must come into it by itself; "+
				"otherwise make both before, or set registryCredentials", secret.Namespace, secret.Name))
		}
	}
	for _, name := range v.kept[declared.Namespaces] {
		lines = append(lines, fmt.Sprintf("namespace %s is not of this stack: pulumi destroy will leave it", name))
	}
	slices.Sort(lines)
	return lines
}
