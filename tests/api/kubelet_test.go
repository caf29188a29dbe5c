package api

import (
	"context"
	"encoding/json"
	"fmt"
	"sync"
	"time"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/cache"
	"k8s.io/client-go/util/workqueue"
)

// kubelet stands in for the scheduler and the kubelet. It binds each pod to a node,
// and reports it running and ready. When the pod is deleted, it reports that the
// container has ended, and lets the pod go. Real pods end the same way, only
// slower; the Job controller cannot tell the difference.
type kubelet struct {
	pods kubernetes.Interface

	mu sync.Mutex
	// held namespaces start no pod, and let none end.
	held map[string]bool
	// places choose the nodes of a namespace's pods. Without one, all go to
	// nodeName.
	places map[string]place
	// silent nodes do nothing, and report nothing.
	silent map[string]bool

	informer cache.SharedIndexInformer
	// changed are the pods to look at, by namespace and name.
	changed workqueue.TypedInterface[string]
}

// stopped is the exit code of containers after SIGTERM.
const stopped = 128 + 15

const nodeName = "node-without-a-machine"

// leadAddress is an annotation of pods: the address that the node gives rank 0.
const leadAddress = "test.gopherlocks.example/lead-address"

// kubeletWorkers is how many pods the node handles at a time, so that hundreds of
// pods do not wait for each other.
const kubeletWorkers = 16

// startKubelet starts the stand-in.
func startKubelet(ctx context.Context, config *rest.Config) (*kubelet, error) {
	k, err := watchPods(ctx, config)
	if err != nil {
		return nil, err
	}
	context.AfterFunc(ctx, k.changed.ShutDown)
	for range kubeletWorkers {
		go func() {
			for k.syncNext(ctx) {
			}
		}()
	}
	return k, nil
}

// watchPods returns a kubelet that sees all pods and does nothing.
func watchPods(ctx context.Context, config *rest.Config) (*kubelet, error) {
	config = rest.CopyConfig(config)
	config.QPS = -1
	clientset, err := kubernetes.NewForConfig(config)
	if err != nil {
		return nil, err
	}
	factory := informers.NewSharedInformerFactory(clientset, 0)
	k := &kubelet{
		pods:     clientset,
		held:     map[string]bool{},
		places:   map[string]place{},
		silent:   map[string]bool{},
		informer: factory.Core().V1().Pods().Informer(),
		changed:  workqueue.NewTyped[string](),
	}
	_, err = k.informer.AddEventHandler(cache.ResourceEventHandlerFuncs{
		AddFunc:    func(o any) { k.look(o.(*corev1.Pod)) },
		UpdateFunc: func(_, o any) { k.look(o.(*corev1.Pod)) },
	})
	if err != nil {
		return nil, err
	}
	factory.Start(ctx.Done())
	if !cache.WaitForCacheSync(ctx.Done(), k.informer.HasSynced) {
		return nil, fmt.Errorf("the pods could not be listed")
	}
	return k, nil
}

// look makes a worker look at the pod. Only one worker handles a pod at a time.
func (k *kubelet) look(pod *corev1.Pod) { k.changed.Add(pod.Namespace + "/" + pod.Name) }

// syncNext brings the next pod on, and tells whether there may be more.
func (k *kubelet) syncNext(ctx context.Context) bool {
	key, over := k.changed.Get()
	if over {
		return false
	}
	defer k.changed.Done(key)
	if o, exists, err := k.informer.GetStore().GetByKey(key); err == nil && exists {
		k.sync(ctx, o.(*corev1.Pod))
	}
	return true
}

// podsIn returns the pods of a namespace, as the node sees them. This costs the API
// server nothing.
func (k *kubelet) podsIn(namespace string) []*corev1.Pod {
	objects, _ := k.informer.GetIndexer().ByIndex(cache.NamespaceIndex, namespace) // the index is the factory's
	pods := make([]*corev1.Pod, 0, len(objects))
	for _, o := range objects {
		pods = append(pods, o.(*corev1.Pod))
	}
	return pods
}

// hold makes the node ignore the pods of a namespace, until the returned function
// is called.
func (k *kubelet) hold(namespace string) (release func()) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.held[namespace] = true
	return func() {
		k.mu.Lock()
		delete(k.held, namespace)
		k.mu.Unlock()
		for _, pod := range k.podsIn(namespace) {
			k.look(pod)
		}
	}
}

// place stands in for the scheduler: it returns the node for a pod, or why there is
// none.
type place func(*corev1.Pod) (node, because string)

// setPlace sets what chooses the nodes of a namespace's pods, also for pods that
// wait already.
func (k *kubelet) setPlace(namespace string, choose place) {
	k.mu.Lock()
	k.places[namespace] = choose
	k.mu.Unlock()
	for _, pod := range k.podsIn(namespace) {
		k.look(pod)
	}
}

// setSilent makes a node do nothing, as without power or network, or brings it
// back.
func (k *kubelet) setSilent(node string, silent bool) {
	k.mu.Lock()
	k.silent[node] = silent
	k.mu.Unlock()
	for _, o := range k.informer.GetStore().List() {
		if pod := o.(*corev1.Pod); pod.Spec.NodeName == node {
			k.look(pod)
		}
	}
}

// sync takes a pod one step further. Each write leads to the next event. An error
// means a conflict with another writer, or that the pod is gone: these lead to an
// event too.
func (k *kubelet) sync(ctx context.Context, pod *corev1.Pod) {
	k.mu.Lock()
	held := k.held[pod.Namespace]
	choose := k.places[pod.Namespace]
	silent := k.silent[pod.Spec.NodeName]
	k.mu.Unlock()

	pods := k.pods.CoreV1().Pods(pod.Namespace)
	ended := pod.Status.Phase == corev1.PodSucceeded || pod.Status.Phase == corev1.PodFailed
	switch {
	case held || silent:
	case pod.DeletionTimestamp != nil && !ended:
		k.writeEnd(ctx, pod, stopped, "")
	case pod.DeletionTimestamp != nil && *pod.DeletionGracePeriodSeconds > 0:
		now := int64(0)
		_ = pods.Delete(ctx, pod.Name, metav1.DeleteOptions{GracePeriodSeconds: &now})
	case pod.DeletionTimestamp != nil || ended:
	case pod.Spec.NodeName == "":
		k.schedule(ctx, pod, choose)
	case pod.Status.Phase == corev1.PodRunning && !isReady(pod):
		// The node was given up, and is back.
		pod = pod.DeepCopy()
		setCondition(pod, corev1.PodReady, corev1.ConditionTrue)
		_, _ = pods.UpdateStatus(ctx, pod, metav1.UpdateOptions{})
	case pod.Status.Phase != corev1.PodRunning:
		pod = pod.DeepCopy()
		pod.Status.Phase = corev1.PodRunning
		if address := pod.Annotations[leadAddress]; address != "" && rankOf(pod) == "0" {
			pod.Status.PodIP, pod.Status.PodIPs = address, []corev1.PodIP{{IP: address}}
		}
		setCondition(pod, corev1.PodReady, corev1.ConditionTrue)
		setCondition(pod, corev1.ContainersReady, corev1.ConditionTrue)
		pod.Status.ContainerStatuses = []corev1.ContainerStatus{{
			Name: pod.Spec.Containers[0].Name, Ready: true,
			State: corev1.ContainerState{Running: &corev1.ContainerStateRunning{StartedAt: metav1.Now()}},
		}}
		_, _ = pods.UpdateStatus(ctx, pod, metav1.UpdateOptions{})
	}
}

// schedule gives the pod a node, or reports why there is none.
func (k *kubelet) schedule(ctx context.Context, pod *corev1.Pod, choose place) {
	node, because := nodeName, ""
	if choose != nil {
		node, because = choose(pod)
	}
	pods := k.pods.CoreV1().Pods(pod.Namespace)
	if because == "" {
		_ = pods.Bind(ctx, &corev1.Binding{
			ObjectMeta: metav1.ObjectMeta{Name: pod.Name, Namespace: pod.Namespace},
			Target:     corev1.ObjectReference{Kind: "Node", Name: node},
		}, metav1.CreateOptions{})
		return
	}
	for _, c := range pod.Status.Conditions {
		if c.Type == corev1.PodScheduled && c.Message == because {
			return
		}
	}
	pod = pod.DeepCopy()
	setCondition(pod, corev1.PodScheduled, corev1.ConditionFalse)
	for i := range pod.Status.Conditions {
		if c := &pod.Status.Conditions[i]; c.Type == corev1.PodScheduled {
			c.Reason, c.Message = corev1.PodReasonUnschedulable, because
		}
	}
	_, _ = pods.UpdateStatus(ctx, pod, metav1.UpdateOptions{})
}

// setCondition sets the status of a condition, and its time where that changes.
func setCondition(pod *corev1.Pod, conditionType corev1.PodConditionType, status corev1.ConditionStatus) {
	for i := range pod.Status.Conditions {
		if c := &pod.Status.Conditions[i]; c.Type == conditionType {
			if c.Status != status {
				c.Status, c.LastTransitionTime = status, metav1.Now()
			}
			return
		}
	}
	pod.Status.Conditions = append(pod.Status.Conditions, corev1.PodCondition{
		Type: conditionType, Status: status, LastTransitionTime: metav1.Now(),
	})
}

// writeStatus writes what a test says of a pod, whatever others have changed in it
// meanwhile, such as a label. A pod that is gone needs none.
func (k *kubelet) writeStatus(ctx context.Context, pod *corev1.Pod) {
	patch, err := json.Marshal(map[string]any{"metadata": map[string]any{"uid": pod.UID}, "status": pod.Status})
	if err != nil {
		panic(err)
	}
	_, _ = k.pods.CoreV1().Pods(pod.Namespace).Patch(ctx, pod.Name, types.MergePatchType, patch, metav1.PatchOptions{}, "status")
}

// writeEnd reports that the pod's container has ended, with its termination
// message.
func (k *kubelet) writeEnd(ctx context.Context, pod *corev1.Pod, exitCode int32, message string) {
	pod = pod.DeepCopy()
	pod.Status.Phase = corev1.PodFailed
	if exitCode == 0 {
		pod.Status.Phase = corev1.PodSucceeded
	}
	setCondition(pod, corev1.PodReady, corev1.ConditionFalse)
	setCondition(pod, corev1.ContainersReady, corev1.ConditionFalse)
	pod.Status.ContainerStatuses = []corev1.ContainerStatus{endedRank(pod, exitCode, message)}
	k.writeStatus(ctx, pod)
}

// endedRank is the status of the pod's rank, with its termination message.
func endedRank(pod *corev1.Pod, exitCode int32, message string) corev1.ContainerStatus {
	return corev1.ContainerStatus{
		Name: pod.Spec.Containers[0].Name,
		State: corev1.ContainerState{Terminated: &corev1.ContainerStateTerminated{
			ExitCode:   exitCode,
			Message:    message,
			StartedAt:  metav1.NewTime(time.Now().Add(-time.Second)),
			FinishedAt: metav1.Now(),
		}},
	}
}

// endRank reports that the program of a rank has ended by itself.
func (k *kubelet) endRank(ctx context.Context, pod *corev1.Pod, exitCode int32) {
	k.writeEnd(ctx, pod, exitCode, "")
}

// endRankAlone reports the same while the other container of the pod goes on.
func (k *kubelet) endRankAlone(ctx context.Context, pod *corev1.Pod, exitCode int32) {
	pod = pod.DeepCopy()
	pod.Status.ContainerStatuses = []corev1.ContainerStatus{endedRank(pod, exitCode, ""), {
		Name: pod.Spec.Containers[1].Name, Ready: true,
		State: corev1.ContainerState{Running: &corev1.ContainerStateRunning{StartedAt: metav1.Now()}},
	}}
	k.writeStatus(ctx, pod)
}

// endCommand reports that the lead's command has ended, as the agent does.
func (k *kubelet) endCommand(ctx context.Context, lead *corev1.Pod, exitCode int32) {
	k.writeEnd(ctx, lead, exitCode, fmt.Sprintf(`{"command":{"exitCode":%d}}`, exitCode))
}

// rankOf is the index that the Job controller gave a pod.
func rankOf(pod *corev1.Pod) string { return pod.Annotations[batchv1.JobCompletionIndexAnnotation] }
