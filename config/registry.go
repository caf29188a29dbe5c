package config

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/gopherlocks/gopherlocks/stackcluster"
)

// credentialsKey is a key whose value must be stored as a secret, and is shown in
// no message.
const credentialsKey = "registryCredentials"

// defaultPullSecret is the Secret that is made of the credentials when nobody
// gives it a name.
const defaultPullSecret = "gopherlocks-registry"

// errPlainCredentials is about credentials that anybody can read in the stack's
// file.
var errPlainCredentials = fmt.Errorf("gopherlocks:%[1]s: is stored in plain text: pulumi config set --secret %[1]s < FILE", credentialsKey)

// checkCredentials refuses what kubelet could not log in with.
func checkCredentials(s Settings) []error {
	if s.RegistryCredentials == "" {
		return nil
	}
	if err := checkDockerConfig(s.RegistryCredentials); err != nil {
		return []error{invalid(credentialsKey, "%w", err)}
	}
	if s.EmptyPassphrase && s.ClusterProvider == stackcluster.Existing {
		return []error{invalid(credentialsKey, "is stored with an empty passphrase, by which everybody can read it: %s", givePassphrase)}
	}
	return nil
}

func checkDockerConfig(content string) error {
	var file struct {
		Auths       map[string]struct{ Auth, Username, Password string }
		CredsStore  string
		CredHelpers map[string]string
	}
	// Its error could show a part of a password.
	if json.Unmarshal([]byte(content), &file) != nil {
		return errors.New(`is no JSON of a Docker configuration, such as {"auths": {"registry.example": {"auth": "…"}}}`)
	}
	if len(file.Auths) == 0 && file.CredsStore == "" && len(file.CredHelpers) == 0 {
		return errors.New(`has no "auths", by registry: give the content of a Docker configuration`)
	}
	for _, registry := range slices.Sorted(maps.Keys(file.Auths)) {
		if a := file.Auths[registry]; a.Auth == "" && (a.Username == "" || a.Password == "") {
			return fmt.Errorf("has no password for %q: Docker keeps it elsewhere (credsStore). Have kubectl write one: kubectl create secret "+
				"docker-registry x --docker-server=%s --docker-username=… --docker-password=… --dry-run=client -o jsonpath='{.data.\\.dockerconfigjson}' | base64 -d",
				registry, registry)
		}
	}
	if len(file.Auths) == 0 {
		return errors.New("names programs that keep the passwords (credsStore, credHelpers) and has none itself: nodes cannot run those")
	}
	return nil
}
