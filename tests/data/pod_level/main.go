// What an API server of one version makes of Pods: its defaults, its verdict, the QoS class and the effective requests.
// JSON in, a list of Pods; JSON out, a list of what became of each, in the same order.
package main

import (
	"encoding/json"
	"os"

	v1 "k8s.io/api/core/v1"
	"k8s.io/component-helpers/resource"
	"k8s.io/kubernetes/pkg/api/legacyscheme"
	podutil "k8s.io/kubernetes/pkg/api/pod"
	"k8s.io/kubernetes/pkg/apis/core"
	_ "k8s.io/kubernetes/pkg/apis/core/install"
	"k8s.io/kubernetes/pkg/apis/core/v1/helper/qos"
	"k8s.io/kubernetes/pkg/apis/core/validation"
)

type outcome struct {
	Seen     *v1.Pod         `json:"seen"`
	Errors   []string        `json:"errors"`
	QoS      v1.PodQOSClass  `json:"qos"`
	Requests v1.ResourceList `json:"requests"`
}

func look(raw json.RawMessage) outcome {
	seen := &v1.Pod{}
	if err := json.Unmarshal(raw, seen); err != nil {
		return outcome{Errors: []string{err.Error()}}
	}
	legacyscheme.Scheme.Default(seen)
	internal := &core.Pod{}
	if err := legacyscheme.Scheme.Convert(seen, internal, nil); err != nil {
		return outcome{Errors: []string{err.Error()}}
	}
	internal.Namespace = "default"
	options := podutil.GetValidationOptionsFromPodSpecAndMeta(&internal.Spec, nil, &internal.ObjectMeta, nil)
	options.ResourceIsPod = true
	errors := []string{}
	for _, found := range validation.ValidatePodCreate(internal, options) {
		errors = append(errors, found.Error())
	}
	return outcome{seen, errors, qos.ComputePodQOS(seen), resource.PodRequests(seen, resource.PodResourcesOptions{})}
}

func main() {
	var pods []json.RawMessage
	if err := json.NewDecoder(os.Stdin).Decode(&pods); err != nil {
		panic(err)
	}
	outcomes := []outcome{}
	for _, raw := range pods {
		outcomes = append(outcomes, look(raw))
	}
	if err := json.NewEncoder(os.Stdout).Encode(outcomes); err != nil {
		panic(err)
	}
}
