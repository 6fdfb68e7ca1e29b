/* SPDX-License-Identifier: BSD-3-Clause
 * What a person sits at: <serial>, <graphics>, <video>, <sound>, <input>. */
#include "xml.h"

/* Text of the terminal.  The socket is made by libvirt and handed to QEMU; on another
 * host there is a terminal, which libvirt's streams reach. */
void kvm_domain_console(struct kvm_xml *xml, xmlNode *devices)
{
	const bool hosted = xml->facts->hosted;
	xmlNode *serial = kvm_xml_with(xml, devices, "serial", "type", hosted ? "pty" : "unix"), *source;

	if (!hosted) {
		source = kvm_xml_with(xml, serial, "source", "mode", "bind");
		kvm_xml_set(xml, source, "path", kvm_console_socket(xml->host, xml->arena, xml->facts));
	}
	kvm_xml_with(xml, serial, "target", "port", "0");
	kvm_xml_with(xml, serial, "alias", "name", KVM_ALIAS "console");
}

/* 'display' is "vnc" or "spice", and so are the first letters of its keys. */
static const char *display_key(struct kvm_xml *xml, const char *display, const char *key)
{
	return kvm_xml_setting(xml, xml->host->format(xml->arena, "%s_%s", display, key), NULL);
}

static void add_address(struct kvm_xml *xml, xmlNode *graphics, const char *display, const char *address)
{
	const char *port = display_key(xml, display, "port"), *websocket = display_key(xml, display, "websocket");
	xmlNode *listen;

	kvm_xml_set(xml, graphics, "port", port ? port : "-1");
	kvm_xml_set(xml, graphics, "autoport", port ? "no" : "yes");
	if (websocket)
		kvm_xml_set(xml, graphics, "websocket", strcmp(websocket, "auto") == 0 ? "-1" : websocket);
	listen = kvm_xml_with(xml, graphics, "listen", "type", "address");
	kvm_xml_set(xml, listen, "address", address);
}

static void add_graphics(struct kvm_xml *xml, xmlNode *devices, const char *display)
{
	const char *address = kvm_display_listen(xml->settings);
	xmlNode *graphics = kvm_xml_with(xml, devices, "graphics", "type", display), *listen;

	if (address) {
		add_address(xml, graphics, display, address);
	} else {
		listen = kvm_xml_with(xml, graphics, "listen", "type", "socket");
		kvm_xml_set(xml, listen, "socket", kvm_display_socket(xml->host, xml->arena, xml->facts));
	}
	kvm_xml_set(xml, graphics, "passwd", xml->facts->password);
}

static void add_video(struct kvm_xml *xml, xmlNode *devices, bool seen)
{
	const char *model = kvm_xml_setting(xml, "video", "auto");

	if (strcmp(model, "auto") == 0)
		model = seen ? "virtio" : "none";
	if (strcmp(model, "std") == 0)
		model = "vga";
	if (seen || strcmp(model, "none") != 0)
		kvm_xml_with(xml, kvm_xml_node(xml, devices, "video"), "model", "type", model);
}

static void add_sound(struct kvm_xml *xml, xmlNode *devices, const char *display)
{
	const char *model = kvm_xml_setting(xml, "sound", "none");
	xmlNode *audio;

	if (strcmp(model, "none") == 0)
		return;
	kvm_xml_with(xml, devices, "sound", "model", model);
	audio = kvm_xml_with(xml, devices, "audio", "id", "1");
	kvm_xml_set(xml, audio, "type", strcmp(display, "spice") == 0 ? "spice" : "none");
}

static void add_input(struct kvm_xml *xml, xmlNode *devices)
{
	const char *value;
	size_t cursor = 0;
	xmlNode *input;

	while ((value = hyfw_map_next(xml->settings, "input", &cursor))) {
		const bool usb = strncmp(value, "usb-", 4) == 0;

		input = kvm_xml_with(xml, devices, "input", "type", usb ? value + 4 : value);
		kvm_xml_set(xml, input, "bus", usb ? "usb" : "virtio");
	}
}

void kvm_domain_display(struct kvm_xml *xml, xmlNode *devices)
{
	const char *display = kvm_xml_setting(xml, "display", "none");
	const bool seen = strcmp(display, "none") != 0;

	if (seen)
		add_graphics(xml, devices, display);
	add_video(xml, devices, seen);
	add_sound(xml, devices, display);
	add_input(xml, devices);
}
