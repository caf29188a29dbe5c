package build

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"

	api "github.com/gopherlocks/gopherlocks/operator/api/v1alpha2"
)

// TemplateHash returns a hash of what the pod template is made from. It covers
// the input, not the template: a newer operator that makes the template in
// another way leaves running ranks alone, and so does a field of the API that it
// adds, as long as nobody sets it.
func TemplateHash(mc *api.MiniCluster, maximum int32) string {
	input := struct {
		Container api.Container `json:"container"`
		Maximum   int32         `json:"maximum"`
	}{mc.Spec.Containers[0], maximum}
	data, err := json.Marshal(input)
	if err != nil {
		// Strings, numbers, maps and quantities always have a JSON form.
		panic(fmt.Sprintf("encode the input of a pod template: %v", err))
	}
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:8])
}
