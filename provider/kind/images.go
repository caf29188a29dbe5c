package kind

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strings"

	"sigs.k8s.io/kind/pkg/cluster/nodeutils"

	"github.com/gopherlocks/gopherlocks/provider/localimage"
)

// LoadImage makes sure that all nodes of a cluster have an image; it is quick
// when they have.
func (c *Client) LoadImage(ctx context.Context, name string, image localimage.Image) error {
	handles, err := c.nodesOf(name)
	if err != nil {
		return err
	}
	for _, node := range handles {
		digest, err := c.imageDigest(ctx, node.String(), image.Reference)
		if err != nil {
			return err
		}
		if digest == image.Digest {
			continue
		}
		c.progress(fmt.Sprintf("loading %s into %s", image.Reference, node))
		reader, writer := io.Pipe()
		go func() {
			_, writeErr := image.WriteTo(writer)
			_ = writer.CloseWithError(writeErr)
		}()
		err = nodeutils.LoadImageArchive(node, reader)
		// Whichever side ends first, the other one must not wait for it.
		_ = reader.Close()
		if err != nil {
			return fmt.Errorf("loading image %s into node %s: %w", image.Reference, node, withOutput(err))
		}
	}
	return nil
}

// HasImage says whether all nodes of a cluster have the image of a reference
// and digest.
func (c *Client) HasImage(ctx context.Context, name, reference, digest string) (bool, error) {
	handles, err := c.nodesOf(name)
	if err != nil {
		return false, err
	}
	for _, node := range handles {
		if found, err := c.imageDigest(ctx, node.String(), reference); err != nil || found != digest {
			return false, err
		}
	}
	return true, nil
}

// RemoveImage removes the image of a reference and digest from all nodes. Pods
// that run from it keep running. Other images of the same content stay.
func (c *Client) RemoveImage(ctx context.Context, name, reference, digest string) error {
	handles, err := c.nodesOf(name)
	if err != nil {
		return err
	}
	for _, node := range handles {
		list, err := c.ctr(ctx, node.String(), "list", "--quiet", "target.digest=="+digest)
		if err != nil {
			return fmt.Errorf("listing the images of node %s: %w", node, err)
		}
		if names := namesToRemove(strings.Fields(list), reference); len(names) > 0 {
			if _, err := c.ctr(ctx, node.String(), append([]string{"remove"}, names...)...); err != nil {
				return fmt.Errorf("removing images of node %s: %w", node, err)
			}
		}
	}
	return nil
}

// namesToRemove picks, of all names of one digest on a node, those to remove with
// the image of a reference. Names that containerd has made up go with the last
// image of the digest: until then another image needs them.
func namesToRemove(names []string, reference string) []string {
	isOther := func(name string) bool { return name != reference && !isMadeUp(name, reference) }
	if slices.ContainsFunc(names, isOther) {
		return slices.DeleteFunc(slices.Clone(names), func(name string) bool { return name != reference })
	}
	return names
}

// isMadeUp says whether containerd made a name up. It is then the ID of the image,
// or the digest behind the name of an import, or the digest behind the reference
// without its tag.
func isMadeUp(name, reference string) bool {
	repository, _, hasDigest := strings.Cut(name, "@")
	isImport := strings.HasPrefix(repository, "import-") && !strings.Contains(repository, "/")
	return strings.HasPrefix(name, "sha256:") || hasDigest && (isImport || strings.HasPrefix(reference, repository+":"))
}

// imageDigest returns the digest of the image that a node has under reference,
// or "".
func (c *Client) imageDigest(ctx context.Context, node, reference string) (string, error) {
	output, err := c.ctr(ctx, node, "list", "name=="+reference)
	if err != nil {
		return "", fmt.Errorf("listing the images of node %s: %w", node, err)
	}
	return localimage.DigestIn(output, reference), nil
}

// ctr runs containerd's own command line on a node's images.
func (c *Client) ctr(ctx context.Context, node string, args ...string) (string, error) {
	return c.engine.Do(ctx, append([]string{"exec", node, "ctr", "--namespace=k8s.io", "images"}, args...)...)
}
