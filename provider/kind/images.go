package kind

import (
	"context"
	"fmt"
	"io"
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
			_, err := image.WriteTo(writer)
			_ = writer.CloseWithError(err)
		}()
		err = nodeutils.LoadImageArchive(node, reader)
		// Whatever ends first, the other side must not wait for it.
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

// RemoveImage removes an image from all nodes, under every name that it has
// there. Pods that run from it keep running.
func (c *Client) RemoveImage(ctx context.Context, name, digest string) error {
	handles, err := c.nodesOf(name)
	if err != nil {
		return err
	}
	for _, node := range handles {
		list, err := c.ctr(ctx, node.String(), "list", "--quiet", "target.digest=="+digest)
		if err != nil {
			return fmt.Errorf("listing the images of node %s: %w", node, err)
		}
		if references := strings.Fields(list); len(references) > 0 {
			if _, err := c.ctr(ctx, node.String(), append([]string{"remove"}, references...)...); err != nil {
				return fmt.Errorf("removing images of node %s: %w", node, err)
			}
		}
	}
	return nil
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
	return c.engine.do(ctx, append([]string{"exec", node, "ctr", "--namespace=k8s.io", "images"}, args...)...)
}
