package build

import (
	"testing"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/utils/ptr"

	api "github.com/gopherlocks/gopherlocks/operator/api/v1alpha2"
)

func TestWhatIsNotDoneIsTold(t *testing.T) {
	if told := Adaptations(sample()); len(told) > 0 {
		t.Errorf("told of nothing: %q", told)
	}
	all := published(t)
	equal(t, "what changes nothing", Adaptations(all["what-changes-nothing"]), []string{
		"flux.minimalService: every rank has a host name all the same, since ranks come and go",
		"flux.disableSocket: the broker's socket is /gopherlocks/run/local all the same",
		"flux.completeWorkers: a follower that fails is started again, and all end with the lead",
		"flux.arch: the images decide",
		"pod.restartPolicy: brokers are started again in their pod, and the Job replaces pods",
		"pod.resources: the resources of the containers count",
		"pod.dnsPolicy: ClusterFirst in place of None, since ranks find each other by the cluster's DNS",
		"containers[0].commands.servicePre does nothing here: the container that runs Flux has commands.pre",
		"containers[0].noWrapEntrypoint does nothing here: the agent is the entrypoint where Flux runs",
		"containers[0].environment.TOKEN is that of secrets",
	})
	equal(t, "volumes", Adaptations(all["volumes-without-a-source"]), []string{
		"containers[0].volumes[data] has no source: it is an emptyDir, which ends with its pod",
		"containers[1].volumes[other] has another source than another container's of this name: each has its own",
	})
	equal(t, "beside Flux", Adaptations(all["lines-beside-flux"]), []string{
		"containers[4].noWrapEntrypoint leaves out the commands of this container",
		"containers[4].command is split at white space: with noWrapEntrypoint no shell reads it",
	})
	for _, name := range []string{"empty-values", "stored-by-the-other-operator", "tree-of-brokers", "privileged", "script"} {
		if told := Adaptations(all[name]); len(told) > 0 {
			t.Errorf("%s: %q", name, told)
		}
	}
}

func TestFieldsOfTheContainerThatRunsFluxAreToldElsewhere(t *testing.T) {
	mc := with(sample(), func(s *api.MiniClusterSpec) {
		s.Containers[0].RunFlux = true
		s.Containers = append(s.Containers, api.Container{
			Name: "7up", Image: "i", Logs: "/logs", Ports: []int32{80},
			Commands: api.Commands{BrokerPre: "x", WorkerPre: "x", Prefix: "x"},
		})
	})
	const here = " does nothing here: it is for the container that runs Flux"
	equal(t, "told", Adaptations(mc), []string{
		"containers[1].logs" + here, "containers[1].commands.brokerPre" + here, "containers[1].commands.workerPre" + here, "containers[1].commands.prefix" + here,
		"containers[1].ports: no Service can have the name 7up; the ranks' host names reach them",
	})
}

func TestDefaultDNSIsTakenWithoutFlux(t *testing.T) {
	mc := with(sample(), func(s *api.MiniClusterSpec) { s.Flux.Enabled, s.Pod.DNSPolicy = ptr.To(false), corev1.DNSDefault })
	if told := Adaptations(mc); len(told) > 0 {
		t.Errorf("told %q", told)
	}
}
