package config

import "regexp"

// givePassphrase is what to do about an empty passphrase.
const givePassphrase = "give the stack one of your own, as docs/existing-clusters.md#a-passphrase says"

// passphraseVariable is where Pulumi looks for it first.
const passphraseVariable = "PULUMI_CONFIG_PASSPHRASE"

// saltLine is what Pulumi writes into the file of a stack whose secrets are
// encrypted by a passphrase, and by nobody else's key.
var saltLine = regexp.MustCompile(`(?m)^encryptionsalt:`)

// hasEmptyPassphrase tells whether a stack's secrets are encrypted with the empty
// passphrase: Pulumi runs a program only where it has the right one.
func hasEmptyPassphrase(lookup func(string) (string, bool), stackFile []byte) bool {
	passphrase, set := lookup(passphraseVariable)
	return set && passphrase == "" && saltLine.Match(stackFile)
}
