package dockerd

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// interfaces are the numbers of the machine's network interfaces.
func interfaces() ([]int, error) {
	links, err := netlink.LinkList()
	if err != nil {
		return nil, fmt.Errorf("listing network interfaces: %w", err)
	}
	var numbers []int
	for _, link := range links {
		numbers = append(numbers, link.Attrs().Index)
	}
	return numbers, nil
}

// removeLost removes the network interfaces of containers that died with the last
// engine: those on its networks that are older than this engine. The kernel was
// seen to keep one for 50 seconds, perhaps for sockets that wait for an answer.
// Meanwhile its network may answer for addresses that other containers have by now.
func (e Engine) removeLost(ctx context.Context, before []int) error {
	networks, err := e.docker(ctx, "network", "ls", "--quiet", "--filter=driver=bridge")
	if err != nil {
		return err
	}
	for _, id := range strings.Fields(networks) {
		if err := removePorts("br-"+id, before); err != nil { // Docker's name for it
			return err
		}
	}
	return nil
}

// removePorts removes the interfaces that are ports of a bridge.
func removePorts(bridge string, interfaces []int) error {
	master, err := netlink.LinkByName(bridge)
	if _, missing := errors.AsType[netlink.LinkNotFoundError](err); missing {
		return nil
	}
	if err != nil {
		return fmt.Errorf("looking for the bridge %s: %w", bridge, err)
	}
	links, err := netlink.LinkList()
	if err != nil {
		return fmt.Errorf("listing network interfaces: %w", err)
	}
	for _, link := range links {
		port := link.Attrs()
		if port.MasterIndex != master.Attrs().Index || !slices.Contains(interfaces, port.Index) {
			continue
		}
		// ENODEV: the kernel was faster.
		if err := netlink.LinkDel(link); err != nil && !errors.Is(err, unix.ENODEV) {
			return fmt.Errorf("removing the network interface %s of a container that is gone: %w", port.Name, err)
		}
	}
	return nil
}
