//! A node's files, in a directory of the test's own.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};

use crate::world::Pod;

/// `e_machine` of the node that all of these are.
pub const AMD64: u16 = 62;
/// Of another one.
pub const ARM64: u16 = 183;

/// Plugins that the configurations of these tests name.
const PLUGINS: [&str; 15] = [
    "calico",
    "calico-ipam",
    "portmap",
    "bandwidth",
    "cilium-cni",
    "flannel",
    "bridge",
    "host-local",
    "ptp",
    "multus",
    "multus-shim",
    "macvlan",
    "loopback",
    "tuning",
    "dhcp",
];

/// The host's root.
pub struct Host {
    /// Where it lies.
    pub root: PathBuf,
}

impl Host {
    /// A whole root with the usual plugins and agents, and no configuration.
    pub fn new(pod: &Pod) -> Host {
        let root = pod.file("host");
        if root.exists() {
            fs::remove_dir_all(&root).expect("remove the last host");
        }
        let host = Host { root };
        for directory in ["etc/cni/net.d", "opt/cni/bin", "usr/bin", "var/lib", "run", "bin"] {
            host.directory(directory);
        }
        host.program("bin/sh", &elf(AMD64, None));
        for plugin in PLUGINS {
            host.plugin(plugin);
        }
        host.link("/run", "var/run");
        host.file("var/lib/calico/nodename", "node1");
        host.file("etc/cni/net.d/calico-kubeconfig", "apiVersion: v1\n");
        host.file("run/flannel/subnet.env", "FLANNEL_SUBNET=10.244.1.1/24\n");
        host.file("run/cilium/cilium.sock", "");
        host
    }

    pub fn directory(&self, path: &str) {
        fs::create_dir_all(self.root.join(path)).expect("mkdir");
    }

    pub fn file(&self, path: &str, text: &str) {
        let path = self.root.join(path);
        fs::create_dir_all(path.parent().expect("a directory")).expect("mkdir");
        fs::write(path, text).expect("write");
    }

    /// A configuration in the usual place.
    pub fn conf(&self, name: &str, text: &str) {
        self.file(&format!("etc/cni/net.d/{name}"), text);
    }

    pub fn program(&self, path: &str, bytes: &[u8]) {
        let path = self.root.join(path);
        fs::create_dir_all(path.parent().expect("a directory")).expect("mkdir");
        fs::write(&path, bytes).expect("write");
        mode(&path, 0o755);
    }

    /// A plugin for this node in the usual place.
    pub fn plugin(&self, name: &str) {
        self.program(&format!("opt/cni/bin/{name}"), &elf(AMD64, None));
    }

    pub fn mode(&self, path: &str, bits: u32) {
        mode(&self.root.join(path), bits);
    }

    pub fn link(&self, target: &str, path: &str) {
        let path = self.root.join(path);
        fs::create_dir_all(path.parent().expect("a directory")).expect("mkdir");
        symlink(target, path).expect("symlink");
    }

    pub fn remove(&self, path: &str) {
        let path = self.root.join(path);
        let removed =
            if path.is_dir() { fs::remove_dir_all(&path) } else { fs::remove_file(&path) };
        removed.expect("remove");
    }
}

fn mode(path: &Path, bits: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(bits)).expect("chmod");
}

/// A program's ELF header, and its interpreter if it has one.
pub fn elf(machine: u16, interpreter: Option<&str>) -> Vec<u8> {
    let mut bytes = vec![0; 64];
    bytes[..6].copy_from_slice(b"\x7fELF\x02\x01");
    bytes[18..20].copy_from_slice(&machine.to_le_bytes());
    let Some(interpreter) = interpreter else { return bytes };
    bytes[32] = 64; // e_phoff
    bytes[54] = 56; // e_phentsize
    bytes[56] = 1; // e_phnum
    let mut segment = vec![0; 56];
    segment[0] = 3; // PT_INTERP
    segment[8] = 120; // p_offset
    segment[32] = u8::try_from(interpreter.len() + 1).expect("a short name"); // p_filesz
    bytes.extend(segment);
    bytes.extend(interpreter.bytes().chain([0]));
    bytes
}
