// SPDX-License-Identifier: GPL-2.0-only
/*
 * Late reprobe of devices (reprobe.h).
 *
 *	built-in driver probes ---- waits for a device without DMA ---- gives up, or not
 *	                 virtio_cma comes: reprobe waits for its turn (device_lock) ^ probes again
 *
 * Locks: none of ours; a device's own, by turns, from a worker that has no other.
 */
#include <linux/moduleparam.h>
#include <linux/pci.h>
#include <linux/platform_device.h>
#include <linux/workqueue.h>

#include "binding.h"
#include "reprobe.h"

/* So that all regions of a device are there when it is bound. */
#define VCMA_REPROBE_DELAY	(HZ / 10)

static bool vcma_reprobe = true;
module_param_named(reprobe, vcma_reprobe, bool, 0644);
MODULE_PARM_DESC(reprobe,
		 "bind PCI clients again whose driver came before this module (default: true)");

static bool vcma_reprobe_stopped;

/* Has the host kept the device off the bus? */
static bool vcma_dev_is_held_off(struct device *dev)
{
	u16 command;

	return dev_is_pci(dev) &&
	       !pci_read_config_word(to_pci_dev(dev), PCI_COMMAND, &command) &&
	       !PCI_POSSIBLE_ERROR(command) && !(command & PCI_COMMAND_MASTER);
}

static int vcma_reprobe_dev(struct device *dev, void *unused)
{
	char driver[32] = "";
	bool held_off;
	int err;

	if (READ_ONCE(vcma_reprobe_stopped))
		return -ESHUTDOWN;
	if (!vcma_dev_is_missed(dev)) {
		vcma_dev_tell_late(dev);
		return 0;
	}
	/* A driver that is binding, or failing to, has the lock. */
	device_lock(dev);
	if (dev->driver)
		strscpy(driver, dev->driver->name, sizeof(driver));
	held_off = vcma_dev_is_held_off(dev);
	device_unlock(dev);

	if (!driver[0] && !(held_off && vcma_reprobe)) {
		dev_dbg(dev, "virtio_cma: a client without a driver: served once it has one\n");
		return 0;
	}
	if (!held_off || !vcma_reprobe) {
		dev_warn(dev, "virtio_cma: a client, bound to %s before: it is not served until it is unbound and bound again\n",
			 driver);
		return 0;
	}
	if (driver[0])
		dev_info(dev, "virtio_cma: a client, bound to %s before without DMA: binding it again\n",
			 driver);
	err = device_reprobe(dev);
	if (err < 0)
		dev_warn(dev, "virtio_cma: binding again: %pe\n", ERR_PTR(err));
	return 0;
}

static void vcma_reprobe_work(struct work_struct *work)
{
	bus_for_each_dev(&pci_bus_type, NULL, NULL, vcma_reprobe_dev);
	bus_for_each_dev(&platform_bus_type, NULL, NULL, vcma_reprobe_dev);
}
static DECLARE_DELAYED_WORK(vcma_reprobe_dwork, vcma_reprobe_work);

void vcma_reprobe_start(void)
{
	/* Not a queue for reclaim: drivers wait for all kinds of things. */
	mod_delayed_work(system_long_wq, &vcma_reprobe_dwork, VCMA_REPROBE_DELAY);
}

void vcma_reprobe_stop(void)
{
	WRITE_ONCE(vcma_reprobe_stopped, true);
	cancel_delayed_work_sync(&vcma_reprobe_dwork);
}
