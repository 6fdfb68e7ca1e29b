/* SPDX-License-Identifier: BSD-3-Clause
 * Machines that have come to this host, at libvirt's driver for tests: which can be
 * adopted, what is told of them, and that they are offered once. */
#include "kvm_fixture.h"

#include "../../plugins/isolation/kvm/migrate/adopt.h"

#define URI "test:///default"
#define MARK "<hyfw:machine xmlns:hyfw='urn:hyfw:machine:1' owner='hyfw' workload='vm'>"
#define MACHINE(name, metadata) \
	"<domain type='test'><name>" name "</name><uuid>" KVM_TEST_UUID "</uuid><metadata>" metadata "</metadata>" \
	"<memory unit='MiB'>64</memory><os><type>hvm</type></os><devices>" \
	"<disk type='file' device='disk'><driver name='qemu' type='qcow2'/><source file='/proc/self/exe'/>" \
	"<target dev='vda' bus='virtio'/><alias name='ua-root'/></disk>" \
	"<graphics type='vnc' port='-1' passwd='secret'/></devices></domain>"

static struct kvm_instance instance;
static virConnectPtr connection;
static virDomainPtr domain;

static int set_up(void **state)
{
	(void)state;
	fake.arena = hyfw_arena_new();
	memset(&instance, 0, sizeof(instance));
	instance.host = kvm_test_host();
	instance.uri = hyfw_dup(URI);
	connection = virConnectOpen(URI);
	return connection ? 0 : -1;
}

static int tear_down(void **state)
{
	(void)state;
	if (domain && virDomainIsActive(domain) == 1)
		virDomainDestroy(domain);
	if (domain) {
		virDomainUndefine(domain);
		virDomainFree(domain);
	}
	domain = NULL;
	virConnectClose(connection);
	kvm_run_free(instance.run);
	free(instance.uri);
	hyfw_arena_free(fake.arena);
	return 0;
}

static void define(const char *xml)
{
	domain = virDomainDefineXML(connection, xml);
	assert_non_null(domain);
}

static int adopt(const char *object, bool take, bool running, struct hyfw_map *ret_facts, struct hyfw_error **err)
{
	const struct hyfw_pair args[] = { { "take", "true" }, { "running", running ? "true" : "false" } };
	const struct hyfw_operation asked = { .size = sizeof(asked), .verb = "adopt", .object = object, .input_fd = -1,
					      .output_fd = -1, .arena = fake.arena, .args = { take ? 2 : 0, args } };
	struct kvm_operation operation = { .kvm = &instance, .asked = &asked, .ret_result = ret_facts };

	return kvm_adopt(&operation, err);
}

static void refused(const char *object, bool take, bool running, const char *why)
{
	HYFW_AUTO_ERROR struct hyfw_error *err = NULL;
	struct hyfw_map facts = { 0 };

	assert_true(adopt(object, take, running, &facts, &err) < 0);
	assert_non_null(err);
	assert_non_null(strstr(err->message, why));
}

static void without_a_libvirtd_nothing_comes(void **state)
{
	char *uri = instance.uri;

	(void)state;
	instance.uri = NULL;
	refused("vm", false, false, "set uri in [plugin kvm]");
	instance.uri = uri;
}

static void strangers_are_left_alone(void **state)
{
	(void)state;
	refused("nobody", false, false, "no machine of that name");
	define(MACHINE("vm", "<other:it xmlns:other='urn:other'/>"));
	refused("vm", false, false, "no machine of hyfw");
	refused("vm", true, false, "no machine of hyfw");
	assert_int_equal(virDomainIsPersistent(domain), 1);
	assert_false(kvm_adopt_waits(domain));
}

static void one_that_was_never_moved_is_not_offered(void **state)
{
	(void)state;
	define(MACHINE("vm", MARK "</hyfw:machine>"));
	assert_false(kvm_adopt_waits(domain));
	refused("vm", false, false, "no definition came with it");
}

static void what_came_is_told_and_changes_nothing(void **state)
{
	HYFW_AUTO_ERROR struct hyfw_error *err = NULL;
	struct hyfw_map facts = { 0 };

	(void)state;
	define(MACHINE("hyfw-vm", MARK "<hyfw:entry key='a' value='b'/><hyfw:definition>{\"a\": 1}</hyfw:definition>"
		       "</hyfw:machine>"));
	assert_true(kvm_adopt_waits(domain));
	assert_int_equal(adopt("vm", false, false, &facts, &err), 0);
	assert_string_equal(hyfw_map_get(&facts, "name"), "hyfw-vm");
	assert_string_equal(hyfw_map_get(&facts, "uuid"), KVM_TEST_UUID);
	assert_string_equal(hyfw_map_get(&facts, "running"), "false");
	assert_string_equal(hyfw_map_get(&facts, "definition"), "{\"a\": 1}");
	assert_string_equal(hyfw_map_get(&facts, "password"), "vnc_password_file");
	assert_string_equal(hyfw_map_get(&facts, "root"), "/proc/self/exe");
	assert_string_equal(hyfw_map_get(&facts, "root_format"), "qcow2");
	/* libvirt's driver for tests knows no flags of undefining: taking it is for tests/cli. */
	refused("vm", true, true, "stopped meanwhile");
	assert_true(kvm_adopt_waits(domain));
}

static void files_that_are_not_here_are_named(void **state)
{
	(void)state;
	define("<domain type='test'><name>vm</name><metadata>" MARK "<hyfw:definition>{}</hyfw:definition></hyfw:machine>"
	       "</metadata><memory>65536</memory><os><type>hvm</type><kernel>/nowhere/kernel</kernel></os><devices>"
	       "<disk type='file' device='disk'><source file='/nowhere/disk'/><target dev='vda'/></disk></devices></domain>");
	refused("vm", false, false, "not on this host: /nowhere/kernel, /nowhere/disk");
}

static void one_that_runs_is_offered_once(void **state)
{
	HYFW_AUTO_ERROR struct hyfw_error *err = NULL;
	struct hyfw_map facts = { 0 };
	char *mark;

	(void)state;
	define(MACHINE("vm", MARK "<hyfw:entry key='a' value='b'/><hyfw:definition>{}</hyfw:definition></hyfw:machine>"));
	assert_int_equal(virDomainCreate(domain), 0);
	assert_int_equal(adopt("vm", false, false, &facts, &err), 0);
	assert_string_equal(hyfw_map_get(&facts, "running"), "true");
	refused("vm", true, false, "started meanwhile");
	assert_int_equal(adopt("vm", true, true, &facts, &err), 0);
	assert_int_equal(virDomainIsActive(domain), 1);
	refused("vm", false, false, "no definition came with it");
	mark = virDomainGetMetadata(domain, VIR_DOMAIN_METADATA_ELEMENT, "urn:hyfw:machine:1", 0);
	assert_non_null(mark);
	assert_non_null(strstr(mark, "key=\"a\""));
	assert_null(strstr(mark, "definition"));
	free(mark);
	assert_int_equal(virDomainSuspend(domain), 0);
}

static void one_that_stands_still_is_left_so(void **state)
{
	(void)state;
	define(MACHINE("vm", MARK "<hyfw:definition>{}</hyfw:definition></hyfw:machine>"));
	assert_int_equal(virDomainCreate(domain), 0);
	assert_int_equal(virDomainSuspend(domain), 0);
	refused("vm", false, false, "virsh -c " URI " resume vm");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(without_a_libvirtd_nothing_comes, set_up, tear_down),
		cmocka_unit_test_setup_teardown(strangers_are_left_alone, set_up, tear_down),
		cmocka_unit_test_setup_teardown(one_that_was_never_moved_is_not_offered, set_up, tear_down),
		cmocka_unit_test_setup_teardown(what_came_is_told_and_changes_nothing, set_up, tear_down),
		cmocka_unit_test_setup_teardown(files_that_are_not_here_are_named, set_up, tear_down),
		cmocka_unit_test_setup_teardown(one_that_runs_is_offered_once, set_up, tear_down),
		cmocka_unit_test_setup_teardown(one_that_stands_still_is_left_so, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
