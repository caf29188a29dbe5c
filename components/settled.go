package components

import (
	"encoding/json"
	"fmt"
	"strings"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	api "github.com/gopherlocks/gopherlocks/operator/api/v1alpha2"
)

// waitForSettled is what an update waits for: the ranks are ready, the MiniCluster has
// ended, or the operator cannot follow its spec. Conditions of before the update do not
// count: the provider of Kubernetes compares observedGeneration.
const waitForSettled = `jsonpath={.status.conditions[?@.status=="True" && match(@.type, "` +
	api.ConditionReady + "|" + api.ConditionComplete + "|" + api.ConditionFailed +
	`") || @.reason=="` + api.ReasonInvalidSpec + `"]}`

// unlessFailed is the name of the MiniCluster, or why it has failed. The provider of
// Kubernetes cannot tell: of the conditions that it waits for, none can mean failure.
func unlessFailed(name, namespace pulumi.StringOutput, fields pulumi.MapOutput) pulumi.StringOutput {
	return pulumi.All(name, namespace, fields).ApplyT(func(known []any) (string, error) {
		var read struct {
			Status struct {
				Conditions []condition `json:"conditions"`
			} `json:"status"`
		}
		data, err := json.Marshal(known[2])
		if err == nil {
			err = json.Unmarshal(data, &read)
		}
		if err == nil {
			err = failure(read.Status.Conditions)
		}
		if err != nil {
			err = fmt.Errorf("MiniCluster %s/%s %w", known[1], known[0], err)
		}
		return known[0].(string), err
	}).(pulumi.StringOutput)
}

type condition struct {
	Type    string `json:"type"`
	Status  string `json:"status"`
	Reason  string `json:"reason"`
	Message string `json:"message"`
}

// failure returns why nothing will come of the MiniCluster; nil when something does.
func failure(conditions []condition) error {
	byType := map[string]condition{}
	for _, c := range conditions {
		byType[c.Type] = c
	}
	failed, ready := byType[api.ConditionFailed], byType[api.ConditionReady]
	switch {
	case failed.Status == "True" && strings.HasPrefix(ready.Message, failed.Message):
		// It also says why a change brings no other run.
		return fmt.Errorf("has failed: %s (%s)", ready.Message, failed.Reason)
	case failed.Status == "True":
		return fmt.Errorf("has failed: %s (%s)", failed.Message, failed.Reason)
	case ready.Reason == api.ReasonInvalidSpec:
		return fmt.Errorf("has a spec that the operator cannot follow: %s (%s)", ready.Message, ready.Reason)
	}
	return nil
}
