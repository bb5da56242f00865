#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The quickstart's main job: real handwritten digits as image files, and a small network trained from them.

    digits.py write DIR       writes scikit-learn's 1,797 digits as PNG files: DIR/{train,test}/{0..9}/*.png
    digits.py train DIR       trains from DIR/train and keeps DIR/checkpoints/digits.pt; goes on from one that is there
    digits.py evaluate DIR    loads the checkpoint and prints its accuracy on DIR/test; fails where it is 0.95 or less

Nothing in here knows of Penstock: DIR is a folder like any other.
"""
import os
import sys
import time

FIRST_EPOCHS = 15       # without a checkpoint
MORE_EPOCHS = 1         # with one
WORKERS = 2
REQUIRED_ACCURACY = 0.95
TEST_EVERY = 5          # of every class, each fifth image is held out


def digit_files():
    """Yields (relative path, 8 x 8 array of 0..16), always the same."""
    from sklearn.datasets import load_digits
    digits = load_digits()
    seen = [0] * 10
    for image, label in zip(digits.images, digits.target):
        split = "test" if seen[label] % TEST_EVERY == 0 else "train"
        yield os.path.join(split, str(label), f"digit-{seen[label]:03}.png"), image
        seen[label] += 1


def existing_files(folder):
    return {os.path.relpath(os.path.join(place, name), folder)
            for split in ("train", "test") for place, _, names in os.walk(os.path.join(folder, split))
            for name in names}


def write(folder):
    from PIL import Image
    begin = time.monotonic()
    there = existing_files(folder)
    total = written = 0
    for path, image in digit_files():
        total += 1
        if path in there:
            continue
        target = os.path.join(folder, path)
        os.makedirs(os.path.dirname(target), exist_ok=True)
        Image.fromarray((image * 255 / 16).round().astype("uint8")).save(target)
        written += 1
    if len(existing_files(folder)) != total:
        sys.exit(f"{folder} should have {total} images, but has {len(existing_files(folder))}")
    print(f"{total} images in 20 folders: {written} written in {time.monotonic() - begin:.1f} s, "
          f"{total - written} were there", flush=True)


def make_network():
    from torch import nn
    return nn.Sequential(
        nn.Conv2d(1, 32, 3, padding=1), nn.ReLU(), nn.Conv2d(32, 64, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
        nn.Flatten(), nn.Dropout(0.3), nn.Linear(64 * 4 * 4, 128), nn.ReLU(), nn.Linear(128, 10))


def make_loader(folder, shuffle):
    from torch.utils.data import DataLoader
    from torchvision import transforms
    from torchvision.datasets import ImageFolder
    images = ImageFolder(folder, transforms.Compose([transforms.Grayscale(), transforms.ToTensor()]))
    return DataLoader(images, batch_size=64, shuffle=shuffle, num_workers=WORKERS)


def checkpoint_path(folder):
    return os.path.join(folder, "checkpoints", "digits.pt")


def save_checkpoint(folder, state):
    """A new checkpoint takes the old one's place only when it is stored completely."""
    import torch
    path = checkpoint_path(folder)
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path + ".tmp", "wb") as file:
        torch.save(state, file)
        file.flush()
        os.fsync(file.fileno())
    os.replace(path + ".tmp", path)


def train(folder):
    import torch
    torch.manual_seed(1)
    torch.set_num_threads(max(1, (os.cpu_count() or 2) - 1))
    network = make_network()
    optimizer = torch.optim.Adam(network.parameters(), lr=1e-3)
    epoch, more = 0, FIRST_EPOCHS
    if os.path.exists(checkpoint_path(folder)):
        state = torch.load(checkpoint_path(folder))
        network.load_state_dict(state["network"])
        optimizer.load_state_dict(state["optimizer"])
        epoch, more = state["epoch"], MORE_EPOCHS
        print(f"going on from the checkpoint of epoch {epoch}", flush=True)
    loader = make_loader(os.path.join(folder, "train"), shuffle=True)
    for epoch in range(epoch + 1, epoch + more + 1):
        begin = time.monotonic()
        total = 0.0
        for images, labels in loader:
            optimizer.zero_grad()
            loss = torch.nn.functional.cross_entropy(network(images), labels)
            loss.backward()
            optimizer.step()
            total += loss.item() * len(labels)
        trained = time.monotonic()
        save_checkpoint(folder, {"epoch": epoch, "network": network.state_dict(),
                                 "optimizer": optimizer.state_dict()})
        print(f"epoch {epoch}: loss {total / len(loader.dataset):.3f}, {len(loader.dataset)} images in "
              f"{trained - begin:.1f} s, checkpoint in {time.monotonic() - trained:.1f} s", flush=True)


def evaluate(folder):
    import torch
    state = torch.load(checkpoint_path(folder))
    network = make_network()
    network.load_state_dict(state["network"])
    network.eval()
    loader = make_loader(os.path.join(folder, "test"), shuffle=False)
    with torch.no_grad():
        right = sum((network(images).argmax(1) == labels).sum().item() for images, labels in loader)
    accuracy = right / len(loader.dataset)
    print(f"accuracy on {len(loader.dataset)} held-out images after epoch {state['epoch']}: {accuracy:.3f}", flush=True)
    if accuracy <= REQUIRED_ACCURACY:
        sys.exit(f"that is not more than {REQUIRED_ACCURACY}: the training did not work")


if __name__ == "__main__":
    actions = {"write": write, "train": train, "evaluate": evaluate}
    if len(sys.argv) != 3 or sys.argv[1] not in actions:
        sys.exit(__doc__)
    actions[sys.argv[1]](sys.argv[2])
